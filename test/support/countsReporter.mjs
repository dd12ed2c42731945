/** Leaves the counts of one jest run in the file that COUNTS_FILE names; test/run.ts adds them up. */
import {writeFileSync} from 'node:fs';

export default class CountsReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.COUNTS_FILE;
    if (file === undefined) return;
    const {numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites} =
      results;
    writeFileSync(
      file,
      JSON.stringify({
        passed: numPassedTests,
        failed: numFailedTests + numRuntimeErrorTestSuites,
        skipped: numPendingTests + numTodoTests,
        // Left by startStack.ts, in this process.
        servers: process.env.TEST_STACK === undefined ? null : JSON.parse(process.env.TEST_STACK).mode,
      }),
    );
  }
}
