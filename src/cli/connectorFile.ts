/** The connector that a command manages: from its file, or from the settings. */
import {readFileSync} from 'node:fs';
import type {Config} from '../config/config.js';
import {sourceSchema} from '../config/readConfig.js';
import {messageOf, ProjectorError} from '../runtime/errors.js';
import {parseConnectorFile, type ConnectorFile} from '../upstream/connector.js';
import {connectorOf, type RecordForm} from '../upstream/connectorConfig.js';

export interface ConnectorChoice {
  /** The path of a connector file. If it is undefined, the connector follows from the settings. */
  readonly file: string | undefined;
  readonly form?: RecordForm | undefined;
}

/** For the name of the connector, if no setting names a database. `connector apply` requires one. */
const DEFAULT_DATABASE = 'shop';

export function chosenConnector({file, form = 'envelope'}: ConnectorChoice, config: Config): ConnectorFile {
  if (file !== undefined) return readConnectorFile(file);
  const schema = sourceSchema(config);
  return connectorOf({
    schema,
    form,
    database: schema.database ?? DEFAULT_DATABASE,
    topic: config.topic,
    partitions: config.topicPartitions,
    replicationFactor: config.topicReplication,
  });
}

function readConnectorFile(path: string): ConnectorFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ProjectorError('usage', `the connector file cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return parseConnectorFile(text, path);
}
