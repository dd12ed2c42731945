/**
 * Reads the settings from the environment, and reports all faults at once.
 *
 * `NAME_FILE` reads the value of `NAME` from a file. An empty variable counts as not set.
 * The message of a fault names the variable and the allowed values, and gives an example. It never contains the value, because
 * the value may be a secret.
 */
import {readFileSync} from 'node:fs';
import {formatCondition} from '../domain/condition.js';
import type {EarlierNames, ExtraColumn, SourceSchema} from '../domain/sourceSchema.js';
import {messageOf, ProjectorError} from '../runtime/errors.js';
import {securityFaults} from './clientOptions.js';
import type {Config, ConfigWith, Environment, SettingName} from './config.js';
import type {Setting} from './setting.js';
import {SETTINGS} from './settings.js';

/** Reads all settings. Throws `config-invalid` with every fault. It is also a fault if a setting in `required` is not set. */
export function readConfig<const N extends SettingName>(
  environment: Environment,
  required: readonly N[],
): ConfigWith<N> {
  const {values, faults} = read(environment, required);
  if (faults.length > 0) throw new ProjectorError('config-invalid', faults.join('; '));
  const config = values as unknown as ConfigWith<N>;
  Object.freeze(config);
  return config;
}

/** Returns one sentence for each fault. The list is empty if all settings are valid and the required ones are set. */
export function configFaults(environment: Environment, required: readonly SettingName[]): string[] {
  return read(environment, required).faults;
}

function read(
  environment: Environment,
  required: readonly SettingName[],
): {readonly values: Record<string, unknown>; readonly faults: string[]} {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const setting: Setting<unknown> = SETTINGS[name];
    const {given, place} = readVariable(environment, setting.env, faults);
    const source = given ?? setting.default;
    if (source === undefined) {
      if (required.includes(name))
        faults.push(`${setting.env} is not set (${setting.desc} Example: ${setting.env}=${setting.example})`);
      continue;
    }
    const parsed = setting.schema.safeParse(source);
    if (parsed.success) values[name] = parsed.data;
    else
      faults.push(
        `${place} must be ${parsed.error.issues[0]?.message ?? 'valid'}, for example ${setting.env}${setting.inFile === true ? '_FILE' : ''}=${setting.example}`,
      );
  }
  const config = values as unknown as Config;
  if (faults.length === 0) faults.push(...crossFaults(config), ...securityFaults(config));
  return {values, faults};
}

interface Variable {
  readonly given: string | undefined;
  /** Messages name this place: the variable, or the variable and its file. */
  readonly place: string;
}

function readVariable(environment: Environment, name: string, faults: string[]): Variable {
  const value = environment[name];
  const file = environment[`${name}_FILE`];
  if (file === undefined || file === '') return {given: value === '' ? undefined : value, place: name};
  const place = `${name}_FILE (${file})`;
  if (value !== undefined && value !== '') {
    faults.push(`${name} and ${name}_FILE are both set: remove one of them`);
    return {given: undefined, place};
  }
  try {
    return {given: readFileSync(file, 'utf8').replace(/\r?\n$/, ''), place};
  } catch (error) {
    faults.push(`${name}_FILE names a file that cannot be read: ${messageOf(error)}`);
    return {given: undefined, place};
  }
}

function crossFaults(config: Config): string[] {
  const faults: string[] = [];
  if (config.heartbeatIntervalMs * 3 > config.sessionTimeoutMs) {
    faults.push(
      'KAFKA_HEARTBEAT_INTERVAL_MS must be at most a third of KAFKA_SESSION_TIMEOUT_MS, because otherwise one lost heartbeat can cause a rebalance',
    );
  }
  if (config.maxWaitMs >= config.requestTimeoutMs) {
    faults.push(
      'KAFKA_MAX_WAIT_MS must be less than KAFKA_REQUEST_TIMEOUT_MS, because otherwise a fetch can time out',
    );
  }
  return faults;
}

export function sourceSchema(config: Config): SourceSchema {
  const {totalAmountColumn: totalAmount, itemAmountColumn: ofItems = []} = config;
  const [[userId, ...usersBefore], [productId, ...productsBefore], [quantity, ...quantitiesBefore]] = [
    config.userIdColumn,
    config.productIdColumn,
    config.quantityColumn,
  ] as [readonly string[], readonly string[], readonly string[]];
  return {
    database: config.sourceDatabase ?? databaseIn(config.mysqlUrl),
    orders: {
      table: config.ordersTable,
      id: config.orderIdColumn,
      userId: userId ?? '',
      guestUserId: config.guestUserId,
      totalAmount: ofItems.length > 0 ? [] : totalAmount.columns,
      isMinor: config.moneyUnit === 'minor',
      where: config.ordersWhere ?? [],
      earlier: earlierNames([
        [userId, usersBefore],
        [totalAmount.columns[0], totalAmount.earlier],
      ]),
    },
    items: {
      table: config.itemsTable,
      id: config.itemIdColumn,
      orderId: config.itemOrderIdColumn,
      productId: productId ?? '',
      quantity: quantity ?? '',
      amount: ofItems,
      where: config.itemsWhere ?? [],
      earlier: earlierNames([
        [productId, productsBefore],
        [quantity, quantitiesBefore],
      ]),
      onOrderDelete: config.itemsOnOrderDelete,
    },
    heartbeatTable: config.heartbeatTable,
    extraColumns: config.extraColumns ?? [],
    moneyDecimals: config.moneyDecimals,
    quantityDecimals: config.quantityDecimals,
    isRounded: config.isMoneyRounded,
  };
}

function earlierNames(
  columns: readonly (readonly [name: string | undefined, before: readonly string[]])[],
): EarlierNames {
  return new Map(
    columns.flatMap(([name, before]) => (name === undefined || before.length === 0 ? [] : [[name, before]])),
  );
}

/** The settings that the data in Redis depends on (redis-model/layout.ts), without the number of partitions. */
export function layoutSettings(config: Config): {
  readonly topic: string;
  readonly moneyDecimals: number;
  readonly extraColumns: readonly ExtraColumn[];
  readonly mapping: Readonly<Record<string, string>>;
  readonly keyLayout: 'single' | 'partitioned';
} {
  const {topic, moneyDecimals, extraColumns = [], redisLayout: keyLayout} = config;
  return {topic, moneyDecimals, extraColumns, mapping: mappingOf(sourceSchema(config)), keyLayout};
}

/** The settings that change what a row means. Those with their default values are left out. */
function mappingOf({orders, items, quantityDecimals, isRounded}: SourceSchema): Record<string, string> {
  const fields = {
    'orders-where': formatCondition(orders.where),
    'items-where': formatCondition(items.where),
    guest: orders.guestUserId ?? '',
    amount: orders.totalAmount.length > 1 ? orders.totalAmount.join('+') : '',
    unit: orders.isMinor ? 'minor' : '',
    rounded: isRounded ? 'true' : '',
    'quantity-decimals': quantityDecimals === 0 ? '' : String(quantityDecimals),
    'item-amount': items.amount.join('*'),
    'items-on-order-delete': items.onOrderDelete === 'cascade' ? '' : items.onOrderDelete,
    'item-id': items.id.join('/') === 'id' ? '' : items.id.join('/'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}

/** The database that a MySQL URL names. */
function databaseIn(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  return name === '' ? undefined : name;
}
