/** Asks Kafka Connect for its version and its connectors. */
import {ConnectClient, type ListedConnector} from '../../clients/connect.js';
import type {Questions} from './asking.js';
import type {Answer} from './check.js';

export interface ConnectAnswers {
  readonly version: Answer<string>;
  readonly connectors: Answer<readonly ListedConnector[]>;
}

const CONNECT = {what: 'Kafka Connect', kind: 'connect-unreachable'} as const;

export async function askConnect(url: string, questions: Questions): Promise<ConnectAnswers> {
  const connect = new ConnectClient(url);
  const version = await questions.ask(CONNECT, async () => await connect.version());
  const connectors = await questions.after(version, CONNECT, async () => await connect.list());
  return {version, connectors};
}
