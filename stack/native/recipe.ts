import {join} from 'node:path';
import {stackFolder} from '../folders.js';
import type {NativeState, ServerName} from '../stackState.js';

export interface ServerCommand {
  program: string;
  args: string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** How one server is initialized and started. */
export interface Recipe {
  name: ServerName;
  port: number;
  /** Commands to run once before the server starts, such as initializing or formatting its data folder. */
  prepare: ServerCommand[];
  command: ServerCommand;
  /** Resolves if the server responds, and throws if it does not. */
  probe: () => Promise<void>;
  /** Runs once, after the server has responded for the first time. */
  load?: () => Promise<void>;
}

export function dataFolder(state: NativeState, name: ServerName): string {
  return join(stackFolder(state.name), 'data', name);
}

export function logFile(stackName: string, name: ServerName | 'supervisor'): string {
  return join(stackFolder(stackName), 'logs', `${name}.log`);
}
