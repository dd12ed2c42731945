/** The results of a comparison as a Markdown table, with medians and ranges. */
import type {Result, Round} from './compare.js';

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = sorted.slice(sorted.length % 2 === 0 ? middle - 1 : middle, middle + 1);
  return sorted.length % 2 === 0 ? (low + high) / 2 : low;
}

export function tableOf(results: readonly Result[]): string {
  const head = ['Design', 'Form', 'Row events/s', 'Range', 'Worker CPU, µs/event', 'Redis CPU, µs/event'];
  const rows = results.map(({name, form, rounds}) => {
    const rates = rounds.map(({eventsPerSecond}) => eventsPerSecond);
    const per = (seconds: (round: Round) => number | null): string => {
      const costs = rounds.flatMap((round) => {
        const value = seconds(round);
        return value === null ? [] : [(value * 1e6) / round.records];
      });
      return costs.length === 0 ? '' : median(costs).toFixed(1);
    };
    return [
      ...[
        name,
        form,
        thousands(median(rates)),
        `${thousands(Math.min(...rates))} to ${thousands(Math.max(...rates))}`,
      ],
      ...[per(({cpuSeconds}) => cpuSeconds), per(({redisCpuSeconds}) => redisCpuSeconds)],
      ...[memory(rounds), block(rounds), state(rounds)],
    ];
  });
  const lines = [[...head, 'Memory, MiB', 'Script p99, ms', 'Final state'], ...rows].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
  return [lines[0], `|${' --- |'.repeat(9)}`, ...lines.slice(1)].join('\n');
}

function thousands(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

function memory(rounds: readonly Round[]): string {
  const sizes = rounds.flatMap(({memoryMaxBytes}) => memoryMaxBytes ?? []);
  return sizes.length === 0 ? '' : String(Math.round(Math.max(...sizes) / 1_048_576));
}

function block(rounds: readonly Round[]): string {
  const blocks = rounds.flatMap(({scriptP99Ms}) => scriptP99Ms ?? []);
  return blocks.length === 0 ? '' : median(blocks).toFixed(1);
}

/** The final state of a design is wrong if it was wrong in one round. */
function state(rounds: readonly Round[]): string {
  const verdicts = rounds.flatMap(({verdict}) => verdict ?? []);
  if (verdicts.length === 0) return 'writes nothing';
  const wrong = Math.max(...verdicts.map((verdict) => verdict.wrong));
  return wrong === 0 ? 'correct' : `WRONG (${wrong} of ${verdicts[0]?.checked ?? 0})`;
}
