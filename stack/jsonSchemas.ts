/** `npm run json-schemas`: writes docs/json/*.schema.json and the table of docs/json/README.md from the schemas in src/cli/answers. */
import {readFileSync, writeFileSync} from 'node:fs';
import {ANSWERS, answerTable, publishedSchema, type AnswerName} from '../src/cli/answers/answers.js';

const README = 'docs/json/README.md';
for (const name of Object.keys(ANSWERS) as AnswerName[])
  writeFileSync(`docs/json/${name}.schema.json`, publishedSchema(name));
writeFileSync(README, readFileSync(README, 'utf8').replace(/\| Answer \|[\s\S]*?\n(?=\n)/, answerTable()));
