/** Starts the scripts of bench/designs as separate processes. Each gets its job as JSON, and prints one line of JSON at its end. */
import {spawn, type ChildProcessByStdio} from 'node:child_process';
import type {Readable} from 'node:stream';

export type JobProcess = ChildProcessByStdio<null, Readable, null>;

/** Starts bench/designs/`file`. */
export function startJob(file: string, job: object): JobProcess {
  const script = new URL(`designs/${file}`, import.meta.url).pathname;
  return spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(job)], {
    env: {...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1', NODE_ENV: 'production'},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Waits until the process has ended, and returns what it printed. Rejects if it failed. */
export async function resultOf<Result>(child: JobProcess, name: string): Promise<Result> {
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the process of ${name} ended with exit code ${String(code)}`);
  return JSON.parse(output) as Result;
}
