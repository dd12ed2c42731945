/** `npm run settings`: writes docs/settings.md and .env.example from the table of settings. */
import {writeFileSync} from 'node:fs';
import {configExample, settingsPage} from '../src/config/forms.js';

writeFileSync('docs/settings.md', settingsPage());
writeFileSync('.env.example', `${configExample().join('\n')}\n`);
