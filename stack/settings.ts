/** `npm run settings`: writes docs/settings.md, .env.example and the example connectors from the table of settings. */
import {writeFileSync} from 'node:fs';
import {configExample, settingsPage} from '../src/config/forms.js';
import {readConfig} from '../src/config/readConfig.js';
import {chosenConnector} from '../src/cli/connectorFile.js';

writeFileSync('docs/settings.md', settingsPage());
writeFileSync('.env.example', `${configExample().join('\n')}\n`);
const shop = readConfig({SOURCE_DATABASE: 'shop'}, []);
for (const [path, form] of [
  ['connectors/orders.json', 'envelope'],
  ['connectors/orders-compact.json', 'compact'],
] as const)
  writeFileSync(path, `${JSON.stringify(chosenConnector({file: undefined, form}, shop), null, 2)}\n`);
