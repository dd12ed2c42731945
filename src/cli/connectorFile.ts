/** Reads the file of the connector. */
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {messageOf, ProjectorError} from '../runtime/errors.js';
import {parseConnectorFile, type ConnectorFile} from '../upstream/connector.js';

const DEFAULT_FILE = fileURLToPath(new URL('../../connectors/orders.json', import.meta.url));

/** Reads a connector file. Without a path, it reads connectors/orders.json of this program. */
export function readConnectorFile(path: string = DEFAULT_FILE): ConnectorFile {
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
