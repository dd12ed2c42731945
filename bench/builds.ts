/** The builds of the worker that one run compares: this checkout, another checkout, or this one under another Node. */
import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {promisify} from 'node:util';
import type {Program} from '../stack/worker.js';

export interface Build extends Program {
  /** What distinguishes it from this build, in tables. Empty for this build. */
  readonly label: string;
}

export const OURS = 'order projector';
export const THIS_BUILD: Build = {label: ''};

/** `what`, and the build if it is another one than this. */
export function labelled(what: string, {label}: Build): string {
  return label === '' ? what : `${what}, ${label}`;
}

/** Throws if the folder holds no build. */
export function otherCheckout(folder: string): Build {
  const main = resolve(join(folder, 'dist', 'main.js'));
  if (!existsSync(main))
    throw new Error(
      `--against ${folder}: there is no ${main}. FOLDER must be a built checkout of this project: run \`npm ci && npm run build\` in it`,
    );
  return {label: 'the other checkout', main};
}

/** This checkout under another Node executable. Throws if the executable does not print its version. */
export async function underNode(path: string): Promise<Build> {
  const node = path.includes('/') ? resolve(path) : path;
  const version = await promisify(execFile)(node, ['--version']).then(
    ({stdout}) => stdout.trim(),
    () => '',
  );
  if (!/^v\d+\./.test(version))
    throw new Error(
      `--node ${path}: \`${node} --version\` printed no version. PATH must be a Node executable`,
    );
  return {label: `Node ${version}`, node};
}
