/**
 * Writes the results of a jest run to the file in SUMMARY_FILE, for test/run.ts: the counts, the duration of each test file,
 * the reasons of failures, and the peak memory of each process.
 */
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {relative} from 'node:path';
import {stripVTControlCharacters} from 'node:util';

const REASON_LINES_MAX = 30;

export default class SummaryReporter {
  #root;
  #files = [];
  /** Process id -> MiB. */
  #peaks = new Map();

  constructor(globalConfig) {
    this.#root = globalConfig.rootDir;
  }

  onTestResult(test, result) {
    const file = relative(this.#root, test.path);
    const hasFailed = result.numFailingTests > 0 || result.testExecError !== undefined;
    const {start, end} = result.perfStats;
    this.#files.push({file, seconds: (end - start) / 1000, hasFailed, reasons: reasonsOf(result)});
    for (const pid of jestProcesses()) {
      const mebibytes = peakMebibytes(pid);
      if (mebibytes !== undefined) this.#peaks.set(pid, mebibytes);
    }
  }

  onRunComplete(_contexts, results) {
    const file = process.env.SUMMARY_FILE;
    if (file === undefined) return;
    const {numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites} =
      results;
    writeFileSync(
      file,
      JSON.stringify({
        passed: numPassedTests,
        failed: numFailedTests + numRuntimeErrorTestSuites,
        skipped: numPendingTests + numTodoTests,
        files: this.#files,
        peaksMebibytes: [...this.#peaks.values()],
      }),
    );
  }
}

/** For each failed test its name and the first lines of its error, without colours. */
function reasonsOf({testExecError, testResults}) {
  const ofTests = testResults
    .filter(({status}) => status === 'failed')
    .map(({fullName, failureMessages}) => `${fullName}\n${failureMessages.join('\n')}`);
  const ofFile = testExecError ? [String(testExecError.stack ?? testExecError.message)] : [];
  return [...ofFile, ...ofTests].map((text) =>
    stripVTControlCharacters(text).split('\n').slice(0, REASON_LINES_MAX).join('\n'),
  );
}

/** This process and the jest worker processes. */
function jestProcesses() {
  try {
    const children = readdirSync('/proc/self/task').flatMap((thread) =>
      readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
    );
    const workers = children.filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('processChild'),
    );
    return ['self', ...workers];
  } catch {
    return [];
  }
}

/** The peak memory of a process. Undefined on systems without /proc. */
function peakMebibytes(pid) {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 1024);
  } catch {
    return undefined;
  }
}
