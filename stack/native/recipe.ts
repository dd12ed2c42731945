import {join} from 'node:path';
import {stackFolder} from '../folders.js';
import type {NativeState, ServerName} from '../stackState.js';

export interface ServerCommand {
  program: string;
  args: string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** How one server is made from nothing and started. */
export interface Recipe {
  name: ServerName;
  port: number;
  /** Commands that end, before the server: initialize, format. */
  prepare: ServerCommand[];
  command: ServerCommand;
  /** Resolves when the server answers; throws while it does not. */
  probe: () => Promise<void>;
  /** Once, after the first answer. */
  load?: () => Promise<void>;
}

export function dataFolder(state: NativeState, name: ServerName): string {
  return join(stackFolder(state.name), 'data', name);
}

export function logFile(stackName: string, name: ServerName | 'supervisor'): string {
  return join(stackFolder(stackName), 'logs', `${name}.log`);
}
