/** Prints the table of settings in three forms: JSON Schema, an environment file, and docs/settings.md. */
import type {Setting} from './setting.js';
import {SETTINGS, WORKER_SETTINGS} from './settings.js';

/** The sections of docs/settings.md after the basic settings. Every setting belongs to exactly one. */
const FAMILIES: readonly (readonly [prefix: RegExp, title: string])[] = [
  [/^PROJECTOR_/, 'Worker'],
  [/^KAFKA_/, 'Kafka'],
  [/^REDIS_/, 'Redis'],
  [/^(?:MYSQL|CONNECT)_/, 'MySQL and Kafka Connect'],
  [/^(?:SOURCE|ORDER|ORDERS|MONEY|QUANTITY)_/, 'Tables and columns'],
];

const ALL: readonly Setting<unknown>[] = Object.values(SETTINGS);

/** Returns the JSON Schema of the environment. Every value is a string, and NAME_FILE can name a file that contains it. */
export function configSchema(): object {
  const properties = ALL.flatMap((setting) => [
    [setting.env, propertyOf(setting)] as const,
    [`${setting.env}_FILE`, fileOf(setting)] as const,
  ]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of order projector, as environment variables',
    type: 'object',
    properties: Object.fromEntries(properties),
    allOf: WORKER_SETTINGS.map((name) => {
      const {env} = SETTINGS[name];
      return {anyOf: [{required: [env]}, {required: [`${env}_FILE`]}]};
    }),
  };
}

function fileOf({env, example, inFile = false}: Setting<unknown>): object {
  const description = `Path of a file that contains the value of ${env}.`;
  return {type: 'string', description, ...(inFile ? {examples: [example]} : {})};
}

function propertyOf(setting: Setting<unknown>): object {
  const {schema, desc, default: value, example, secret = false, inFile = false} = setting;
  const form = Object.entries(schema.toJSONSchema({io: 'input', unrepresentable: 'any'}));
  return {
    ...Object.fromEntries(form.filter(([name]) => name !== '$schema')),
    description: desc,
    ...(value === undefined ? {} : {default: value}),
    ...(secret ? {writeOnly: true} : {}),
    ...(secret || inFile ? {} : {examples: [example]}),
  };
}

/** Returns the lines of an environment file. It sets the settings that a worker requires. All others are comments. */
export function configExample(): string[] {
  const needed = new Set<string>(WORKER_SETTINGS.map((name) => SETTINGS[name].env));
  const entry = ({env, desc, default: value, example, inFile = false}: Setting<unknown>): string[] => {
    const line = `${env}${inFile ? '_FILE' : ''}=${value ?? example}`;
    return ['', `# ${desc}`, needed.has(env) ? line : `# ${line}`];
  };
  const basic = ALL.filter(({basic: isBasic = false}) => isBasic);
  const others = ALL.filter(({basic: isBasic = false}) => !isBasic);
  return [
    '# Settings of a worker, printed by `projector config example`. Pass a copy of this file to a worker, for example with',
    '# `docker run --env-file`. Set NAME_FILE instead of NAME to read a value from a file.',
    ...basic.flatMap(entry),
    '',
    '# More settings.',
    ...others.flatMap(entry),
  ];
}

/** Returns the text of docs/settings.md. */
export function settingsPage(): string {
  const row = ({env, default: value, desc}: Setting<unknown>): string =>
    `| \`${env}\` | ${value === undefined ? '' : value === '' ? '(empty)' : `\`${value}\``} | ${desc} |`;
  const table = (rows: readonly Setting<unknown>[]): string =>
    ['| Setting | Default | Meaning |', '|---|---|---|', ...rows.map(row)].join('\n');
  const families = FAMILIES.map(([prefix, title]) => {
    const rows = ALL.filter(({env, basic = false}) => !basic && prefix.test(env));
    return `## ${title}\n\n${table(rows)}\n`;
  });
  return `# Settings

<!-- \`npm run settings\` writes this page from src/config/settings.ts. -->

Settings are environment variables. \`NAME_FILE\` is the path of a file that contains the value of \`NAME\`; use it for secrets. Each setting is
also an option of every command, which takes precedence: \`--kafka-topic x\` means \`KAFKA_TOPIC=x\`. A secret or a certificate has only the
form with a file, such as \`--redis-url-file path\`, because every user of a machine can see its command lines.

\`projector config\` prints all settings with their values and redacts secrets. \`projector config check\` reports every fault at once, also
unknown variables that begin with a prefix of these settings, such as \`KAFKA_\`. A worker that starts with an unknown variable logs a
warning. \`projector config schema\` prints a JSON Schema, and \`projector config example\` an environment file
([.env.example](../.env.example)).

## Basic settings

A worker requires \`KAFKA_BROKERS\` and \`REDIS_URL\`.

${table(ALL.filter(({basic = false}) => basic))}

${families.join('\n')}`;
}
