/** All JSON answers, by the name of their file in docs/json, and the JSON Schema of each (`npm run json-schemas`). */
import {z} from 'zod';
import {LAG, LAG_WATCH, OFFSETS_RESET, OFFSETS_SHOW} from './offsets.js';
import {CONFIG_CHECK, CONFIG_PRINT, CONNECTOR, DOCTOR, REPLACEMENT, VERIFY} from './operations.js';
import {DLQ_DROP, DLQ_LIST, DLQ_REPLAY, DLQ_SHOW} from './quarantine.js';
import {
  ORDERS_COUNT,
  ORDERS_LIST,
  ORDERS_SHOW,
  REPORT,
  REPORT_PRODUCTS,
  REPORT_TOTALS,
  REPORT_USERS,
  SHOP,
  SHOP_FAILURE,
  SHOP_ORDER,
} from './report.js';
import {HISTORY, PROBE, STATUS} from './worker.js';

interface JsonAnswer {
  readonly schema: z.ZodType;
  /** Where the answer comes from. */
  readonly source: string;
}

const EACH_LINE = 'One JSON object per line';

export const ANSWERS = {
  report: {schema: REPORT, source: '`projector report --json`'},
  'report-products': {schema: REPORT_PRODUCTS, source: '`projector report products --json`'},
  'report-users': {schema: REPORT_USERS, source: '`projector report users --json`'},
  'report-totals': {schema: REPORT_TOTALS, source: '`projector report totals --json`'},
  'orders-count': {schema: ORDERS_COUNT, source: '`projector orders count --json`'},
  'orders-list': {schema: ORDERS_LIST, source: `\`projector orders list --json\`. ${EACH_LINE}`},
  'orders-show': {schema: ORDERS_SHOW, source: '`projector orders show ID --json`'},
  lag: {schema: LAG, source: '`projector lag --json`'},
  'lag-watch': {schema: LAG_WATCH, source: `\`projector lag --watch --json\`. ${EACH_LINE}`},
  'offsets-show': {schema: OFFSETS_SHOW, source: '`projector offsets show --json`'},
  'offsets-reset': {schema: OFFSETS_RESET, source: '`projector offsets reset --yes --json`'},
  'dlq-list': {schema: DLQ_LIST, source: '`projector dlq list --json`'},
  'dlq-show': {schema: DLQ_SHOW, source: '`projector dlq show NAME --json`'},
  'dlq-drop': {schema: DLQ_DROP, source: '`projector dlq drop --yes --json`'},
  'dlq-replay': {schema: DLQ_REPLAY, source: `\`projector dlq replay --json\`. ${EACH_LINE}`},
  verify: {schema: VERIFY, source: '`projector verify --json`'},
  replacement: {schema: REPLACEMENT, source: '`projector rebuild --json` and `projector sync --json`'},
  doctor: {schema: DOCTOR, source: '`projector doctor --json`'},
  'config-print': {schema: CONFIG_PRINT, source: '`projector config print --json`'},
  'config-check': {schema: CONFIG_CHECK, source: '`projector config check --json`'},
  connector: {schema: CONNECTOR, source: '`projector connector apply|status|restart --json`'},
  status: {schema: STATUS, source: 'GET `/status`, and `projector status --json`'},
  history: {schema: HISTORY, source: 'GET `/history`'},
  shop: {schema: SHOP, source: 'GET `/shop`'},
  'shop-order': {schema: SHOP_ORDER, source: 'GET `/shop/orders/{id}`'},
  'shop-failure': {
    schema: SHOP_FAILURE,
    source: 'GET `/shop` and `/shop/orders/{id}`, with status 400, 403, 500 or 503',
  },
  probe: {schema: PROBE, source: 'GET `/startupz`, `/livez` and `/readyz`'},
} as const satisfies Readonly<Record<string, JsonAnswer>>;

export type AnswerName = keyof typeof ANSWERS;

/** The published schema, as text. It allows more fields, so that a client which validates with it accepts a newer version. */
export function publishedSchema(name: AnswerName): string {
  const {schema, source} = ANSWERS[name];
  const {$schema, ...rest} = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    override: ({jsonSchema}) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return `${JSON.stringify({$schema, title: `order projector: ${source}`, ...rest}, null, 2)}\n`;
}

/** The table of docs/json/README.md. */
export function answerTable(): string {
  const names = Object.keys(ANSWERS) as AnswerName[];
  const rows = names.map(
    (name) =>
      `| ${ANSWERS[name].source.replaceAll('|', '\\|')} | [${name}.schema.json](${name}.schema.json) |`,
  );
  return ['| Answer | Schema |', '|---|---|', ...rows, ''].join('\n');
}
