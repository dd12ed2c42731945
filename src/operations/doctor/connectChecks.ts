/**
 * Kafka Connect: checks the connector that writes the topic, its state, and the settings that keep the data in Redis exact.
 *
 * Pure: no clock, no I/O.
 */
import type {ListedConnector} from '../../clients/connect.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {whyNotRunning} from '../../upstream/connector.js';
import type {ConnectAnswers} from './askConnect.js';
import {again, fail, judged, ok, skipped, warn, type Answer, type Check} from './check.js';

export interface ConnectExpectations {
  readonly topic: string;
  /** The name of the connector in the connector file. */
  readonly name: string;
  /** The columns that the mapping needs, as `database.table.column`. Empty if no setting names the database. */
  readonly columns: readonly string[];
}

export function connectChecks(
  {version, connectors}: ConnectAnswers,
  expectations: ConnectExpectations,
): Check[] {
  const found = oursOf(connectors, expectations);
  return [
    judged('connect', version, (text) => ok('connect', `version ${text}`)),
    judged('connector', found, (connector) => judgeState(connector, expectations)),
    judged('connector-settings', again(found), (connector) =>
      connector === undefined
        ? skipped('connector-settings', 'no connector was found')
        : judgeSettings(connector, expectations),
    ),
  ];
}

/** The connector that writes to the topic, preferably with this name. If none does, the connector with this name. */
function oursOf(
  answer: Answer<readonly ListedConnector[]>,
  {topic, name}: ConnectExpectations,
): Answer<ListedConnector | undefined> {
  if (answer.kind !== 'answer') return answer;
  const writes = answer.value.filter(({config}) => config[TARGET] === topic);
  const value =
    writes.find((each) => each.name === name) ?? writes[0] ?? answer.value.find((each) => each.name === name);
  return {kind: 'answer', value};
}

export function judgeState(
  connector: ListedConnector | undefined,
  {topic, name}: ConnectExpectations,
): Check {
  const fix =
    'Fix the cause, then run `projector connector apply`. `projector connector status` shows the trace.';
  const away = {fix, exitCode: EXIT.unreachable};
  if (connector === undefined) {
    return fail('connector', `no connector writes to ${topic}, and no connector is named ${name}`, away);
  }
  const {status} = connector;
  const why = whyNotRunning(status);
  if (why === undefined) return ok('connector', `${connector.name} and its task are RUNNING`);
  const rest = /PAUSED|STOPPED/.test(status.state)
    ? {...away, fix: 'Resume it in Kafka Connect (PUT /connectors/NAME/resume).'}
    : away;
  return fail('connector', `${connector.name} ${why}`, rest);
}

const TARGET = 'transforms.route.replacement';

interface Rule {
  readonly name: string;
  /** The accepted values. The fix suggests the first one. */
  readonly wanted: readonly string[];
  /** The value that applies if the setting is absent. */
  readonly unset: string;
  readonly why: string;
}

/** Settings that must be right. connectors/README.md explains the reasons. */
const RULES: readonly Rule[] = [
  {name: 'decimal.handling.mode', wanted: ['string'], unset: 'precise', why: 'amounts cannot be decoded'},
  {
    name: 'bigint.unsigned.handling.mode',
    wanted: ['long', 'precise'],
    unset: 'long',
    why: 'ids are not integers',
  },
  {name: 'skipped.operations', wanted: ['none'], unset: 't', why: 'changes are not written to the topic'},
  {name: 'errors.tolerance', wanted: ['none'], unset: 'none', why: 'records that fail are dropped'},
  {
    name: 'event.processing.failure.handling.mode',
    wanted: ['fail'],
    unset: 'fail',
    why: 'events that fail are dropped',
  },
  {
    name: 'event.converting.failure.handling.mode',
    wanted: ['fail'],
    unset: 'warn',
    why: 'values that cannot be converted become null',
  },
  {
    name: 'inconsistent.schema.handling.mode',
    wanted: ['fail'],
    unset: 'fail',
    why: 'events of tables with an unknown schema are dropped',
  },
  {
    name: 'value.converter',
    wanted: ['org.apache.kafka.connect.json.JsonConverter'],
    unset: '(that of the Connect worker)',
    why: 'values may not be JSON',
  },
  {
    name: 'value.converter.replace.null.with.default',
    wanted: ['false'],
    unset: 'true',
    why: 'NULL is replaced by the default of its column',
  },
];

/**
 * Settings that only cause a warning. The first one costs space. The second one can already be the default of the Connect worker.
 * Without it, a retry of the producer can break the order of records.
 */
const HINTS: readonly Rule[] = [
  {
    name: 'value.converter.schemas.enable',
    wanted: ['false'],
    unset: 'true',
    why: 'the schema takes most of the space of each record',
  },
  {
    name: 'binary.handling.mode',
    wanted: ['hex'],
    unset: 'bytes',
    why: 'ids of bytes have another text than in MySQL',
  },
  {
    name: 'include.schema.changes',
    wanted: ['true'],
    unset: 'true',
    why: 'statements that change the tables request no audit',
  },
  {
    name: 'producer.override.enable.idempotence',
    wanted: ['true'],
    unset: '(that of the Connect worker)',
    why: 'a producer retry may change the order of records',
  },
];

/** A pattern that only Java understands is taken to match, because nothing can be said of it. */
function isMatch(pattern: string, text: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 'i').test(text);
  } catch {
    return true;
  }
}

/**
 * The needed columns that a connector does not read. Its lists contain regular expressions, which must match the whole name, whatever the
 * case (documentation of Debezium's MySQL connector, `column.include.list`).
 */
export function unreadColumns(
  config: Readonly<Record<string, string>>,
  columns: readonly string[],
): readonly string[] {
  const matches = (list: string | undefined, text: string): boolean | undefined =>
    list === undefined || list === ''
      ? undefined
      : list.split(',').some((pattern) => isMatch(pattern.trim(), text));
  return columns.filter((column) => {
    const table = column.slice(0, column.lastIndexOf('.'));
    const isTableRead = matches(config['table.include.list'], table) ?? true;
    const isRead = matches(config['column.include.list'], column) ?? true;
    return !isTableRead || !isRead || matches(config['column.exclude.list'], column) === true;
  });
}

/** The check prints values only of the settings that this file names, because those contain no secret (I11). */
export function judgeSettings(
  {name: connector, config}: ListedConnector,
  {topic, columns}: ConnectExpectations,
): Check {
  const name = 'connector-settings';
  const unread = unreadColumns(config, columns);
  if (unread.length > 0)
    return fail(name, `${connector} does not read ${unread.join(', ')}`, {
      fix: 'Run `projector connector apply` with the settings of the workers, then `projector sync --replace`.',
    });
  const isWrong = ({name: key, wanted, unset}: Rule): boolean => !wanted.includes(config[key] ?? unset);
  const notified = ({name: key, unset, why}: Rule): string => `${key}=${config[key] ?? unset}: ${why}`;
  const fixOf = (rules: readonly Rule[], more = ''): string =>
    `Set ${rules.map((rule) => `${rule.name}=${rule.wanted[0] ?? ''}`).join(', ')} (connectors/README.md)${more}, then run \`projector connector apply\`.`;
  const faults = RULES.filter(isWrong);
  const texts = faults.map(notified);
  const keys = config['message.key.columns'];
  if (keys === undefined)
    texts.push('message.key.columns is not set: line items may be in other partitions than their orders');
  if (config[TARGET] !== topic) texts.push(`${TARGET} is not ${topic}`);
  if (texts.length > 0) {
    const more = texts.length > faults.length ? ', copy the other settings from connectors/orders.json' : '';
    return fail(name, `${connector}: ${texts.join('; ')}`, {
      fix:
        faults.length > 0
          ? fixOf(faults, more)
          : 'Correct these settings in the connector file as in connectors/orders.json, then run `projector connector apply`.',
    });
  }
  const hints = HINTS.filter(isWrong);
  if (hints.length > 0) return warn(name, `${connector}: ${hints.map(notified).join('; ')}`, fixOf(hints));
  if ((config['heartbeat.interval.ms'] ?? '0') === '0') {
    const detail = `${connector}: heartbeat.interval.ms is not set or 0, so an idle shop looks like a failed connector`;
    return warn(
      name,
      detail,
      'Set heartbeat.interval.ms=5000 and heartbeat.action.query (connectors/README.md), then run `projector connector apply`.',
    );
  }
  return ok(name, `${connector}: all required settings are correct`);
}
