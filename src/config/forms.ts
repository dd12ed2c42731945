/** Prints the table of settings in two formats for other programs: JSON Schema and an environment file. */
import type {Setting} from './setting.js';
import {SETTINGS, WORKER_SETTINGS} from './settings.js';

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
  const description = `A file that holds ${env}.`;
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
    '# Settings of a worker, printed by `projector config example`. A copy of this file is given to a worker, for example by',
    '# `docker run --env-file`. NAME_FILE instead of NAME reads a value from a file.',
    ...basic.flatMap(entry),
    '',
    '# More settings.',
    ...others.flatMap(entry),
  ];
}
