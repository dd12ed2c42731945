import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {DEBEZIUM_USER} from '../environment.js';
import {stackFolder} from '../folders.js';
import type {NativeState} from '../stackState.js';
import {javaCommand, propertiesText, QUICK_START} from './kafkaServer.js';
import type {Recipe} from './recipe.js';

const PROBE_TIMEOUT_MS = 2000;

export function connectRecipe(state: NativeState): Recipe {
  const file = join(stackFolder(state.name), 'connect.properties');
  writeFileSync(file, propertiesText(workerProperties(state)));
  const command = javaCommand(state, [
    ...(state.hasQuickConnect === true ? [QUICK_START] : []),
    '-Xms256m',
    '-Xmx768m',
    'org.apache.kafka.connect.cli.ConnectDistributed',
    file,
  ]);
  return {
    name: 'connect',
    port: state.ports.connect,
    prepare: [],
    command: {...command, env: connectorVariables(state)},
    probe: async () => {
      // The REST port opens before the Connect worker has joined its group. It returns a list of connectors only afterwards.
      const response = await fetch(`http://127.0.0.1:${state.ports.connect}/connectors`, {
        signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      await response.text();
    },
  };
}

/** Values for `${env:NAME}` in connectors/. So addresses and secrets are never sent through Connect's REST interface. */
function connectorVariables(state: NativeState): Record<string, string> {
  return {
    MYSQL_HOST: '127.0.0.1',
    MYSQL_PORT: String(state.ports.mysql),
    MYSQL_SSL_MODE: 'preferred',
    DEBEZIUM_USER: DEBEZIUM_USER.user,
    DEBEZIUM_PASSWORD: DEBEZIUM_USER.password,
    KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${state.ports.kafka}`,
  };
}

function workerProperties(state: NativeState): Record<string, string | number> {
  return {
    'bootstrap.servers': `127.0.0.1:${state.ports.kafka}`,
    'group.id': 'connect',
    listeners: `http://127.0.0.1:${state.ports.connect}`,
    'rest.advertised.host.name': '127.0.0.1',
    'plugin.path': state.install.pluginsFolder,
    'plugin.discovery': 'service_load',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
    'config.storage.topic': 'connect-configs',
    'config.storage.replication.factor': 1,
    'offset.storage.topic': 'connect-offsets',
    'offset.storage.replication.factor': 1,
    'offset.storage.partitions': 1,
    'status.storage.topic': 'connect-status',
    'status.storage.replication.factor': 1,
    'status.storage.partitions': 1,
    'offset.flush.interval.ms': 5000,
    'topic.creation.enable': 'true',
    'exactly.once.source.support': 'disabled',
    'connector.client.config.override.policy': 'All',
    'config.providers': 'env',
    'config.providers.env.class': 'org.apache.kafka.common.config.provider.EnvVarConfigProvider',
  };
}
