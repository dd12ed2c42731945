/**
 * Redis Cluster: judges all masters, and how the partitions are distributed over them.
 *
 * Pure: no clock, no I/O.
 */
import type {ServerInfo} from '../../clients/redis/client.js';
import {assert} from '../../runtime/assert.js';
import {counted} from '../../runtime/counted.js';
import type {ClusterShares, RedisAnswers} from './askRedis.js';
import {judged, ok, warn, type Check, type Verdict} from './check.js';

const WORST_FIRST: readonly Verdict[] = ['fail', 'warn', 'skipped', 'ok'];

/** Judges each server. With several of them, the detail names the nodes with the worst verdict. */
export function worst(servers: readonly ServerInfo[], judge: (server: ServerInfo) => Check): Check {
  const checks = servers.map((server) => ({node: server.node, check: judge(server)}));
  const verdict = WORST_FIRST.find((each) => checks.some(({check}) => check.verdict === each));
  const those = checks
    .filter(({check}) => check.verdict === verdict)
    .sort((a, b) => a.check.exitCode - b.check.exitCode);
  const [first] = those;
  assert(first !== undefined, 'a connection has at least one server');
  if (checks.length === 1) return first.check;
  const nodesOf = new Map<string, string[]>();
  for (const {node, check} of those) nodesOf.set(check.detail, [...(nodesOf.get(check.detail) ?? []), node]);
  const details = [...nodesOf].map(([detail, nodes]) => `${nodes.join(', ')}: ${detail}`);
  const fixes = new Set(those.flatMap(({check}) => check.fix ?? []));
  return {
    ...first.check,
    detail: details.join('; '),
    fix: fixes.size === 0 ? null : [...fixes].join(' '),
  };
}

/** Empty if there is no cluster. */
export function sharesCheck({shares}: RedisAnswers): Check[] {
  return shares === undefined ? [] : [judged('redis-nodes', shares, judgeShares)];
}

/** A cluster places slots without regard to their load. So the check warns if a master has no partition, although another one has several. */
export function judgeShares({nodes, partitions, reports}: ClusterShares): Check {
  const name = 'redis-nodes';
  const shares = nodes.map((node) => {
    const count = partitions.filter((each) => each === node).length;
    return {
      node,
      count,
      text: `${node} has ${counted(count, 'partition')}${node === reports ? ' and the reports' : ''}`,
    };
  });
  const detail = shares.map(({text}) => text).join(', ');
  const isIdle = shares.some(({node, count}) => count === 0 && node !== reports);
  if (!isIdle || shares.every(({count}) => count < 2)) return ok(name, detail);
  return warn(
    name,
    detail,
    'Move the slot of a partition to the master without one (docs/cluster.md#resharding).',
  );
}
