/**
 * deploy/kubernetes and deploy/systemd agree with the program in settings, probes, ports and permissions.
 * The tests combine the files as kustomize does.
 */
import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {parse} from 'yaml';
import {readConfig} from '../../src/config/readConfig.js';
import {Metrics} from '../../src/observe/metrics.js';
import {History} from '../../src/observe/history.js';
import {routesOf} from '../../src/observe/routes.js';
import type {Setting} from '../../src/config/setting.js';
import {SETTINGS} from '../../src/config/settings.js';
import {ruleFile} from '../support/promql.js';
import {workerView} from '../support/views.js';

const ROOT = 'deploy/kubernetes';

interface Env {
  readonly name: string;
  readonly value?: string;
}

interface Probe {
  readonly httpGet: {readonly path: string; readonly port: string};
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold?: number;
}

interface Container {
  readonly image: string;
  readonly args?: readonly string[];
  readonly env: readonly Env[];
  readonly ports?: readonly {readonly name: string; readonly containerPort: number}[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: {readonly limits: Record<string, string>; readonly requests: Record<string, string>};
  readonly securityContext: unknown;
  readonly volumeMounts?: readonly {readonly mountPath: string; readonly readOnly: boolean}[];
}

interface Pod {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly [Container];
}

interface Workload {
  readonly spec: {
    readonly replicas: number;
    readonly strategy: {readonly rollingUpdate: unknown};
    readonly template: {readonly spec: Pod};
  };
}

interface Compose {
  readonly services: Readonly<Record<string, {readonly command?: readonly string[]}>>;
}

interface Kustomization {
  readonly kind: string;
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly images?: readonly {readonly name: string}[];
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly envs?: readonly string[];
    readonly literals?: readonly string[];
  }[];
}

/** Reads YAML 1.1, as Kubernetes does, so that 0440 is an octal number. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- it stands for an assertion at each caller
function read<T>(file: string): T {
  return parse(readFileSync(join(ROOT, file), 'utf8'), {version: '1.1'}) as T;
}

const FILES = readdirSync(ROOT, {recursive: true, encoding: 'utf8'}).filter((file) => /\.ya?ml$/.test(file));
const deployment = read<Workload>('base/deployment.yaml');
const job = read<Workload>('connector/job.yaml');
const audit = read<Workload>('audit/deployment.yaml');
const [worker] = deployment.spec.template.spec.containers;

function variablesOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
}

const configMap = variablesOf(readFileSync(join(ROOT, 'base/worker.env'), 'utf8').trim().split('\n'));
const settings: readonly Setting<unknown>[] = Object.values(SETTINGS);
const known = new Set(settings.flatMap(({env}) => [env, `${env}_FILE`]));

describe('files', () => {
  const kustomizations = FILES.filter((file) => file.endsWith('kustomization.yaml'));

  test('each file belongs to a kustomization, and each file that a kustomization names exists', () => {
    const named = kustomizations.flatMap((file) =>
      [...(read<Kustomization>(file).resources ?? []), ...(read<Kustomization>(file).components ?? [])].map(
        (path) => join(dirname(file), path),
      ),
    );
    const folders = kustomizations.map((file) => dirname(file)).filter((folder) => folder !== 'example');
    const resources = FILES.filter((file) => !kustomizations.includes(file));
    expect([...named].sort()).toEqual([...resources, ...folders].sort());
  });

  test('each file has a kind and an API version', () => {
    for (const file of FILES)
      expect(read(file)).toMatchObject({
        apiVersion: expect.any(String) as string,
        kind: expect.any(String) as string,
      });
  });
});

describe('settings', () => {
  const variables = [
    ...Object.keys(configMap),
    ...[deployment, job, audit].flatMap(({spec}) =>
      spec.template.spec.containers[0].env.map(({name}) => name),
    ),
    ...(read<Kustomization>('example/kustomization.yaml').configMapGenerator ?? []).flatMap(
      ({literals = []}) => Object.keys(variablesOf(literals)),
    ),
  ];

  test('every variable is a setting of the program', () => {
    expect(variables.filter((name) => !known.has(name))).toEqual([]);
  });

  test('the worker accepts the settings, with the secret from the mounted file', () => {
    const [mount] = worker.volumeMounts ?? [];
    const secret = read<{stringData: Record<string, string>}>('example/secret.example.yaml').stringData;
    expect(Object.keys(secret)).toEqual(['REDIS_URL']);
    expect(configMap['REDIS_URL_FILE']).toBe(`${mount?.mountPath ?? ''}/REDIS_URL`);
    const config = readConfig({...configMap, REDIS_URL_FILE: '', ...secret}, ['brokers', 'redisUrl']);
    expect(config).toMatchObject({httpHost: '0.0.0.0', httpPort: 9464});
  });

  test('the job of the connector does not read the Redis secret, because it does not mount it', () => {
    const own = Object.fromEntries(
      job.spec.template.spec.containers[0].env.map(({name, value = ''}) => [name, value]),
    );
    const config = readConfig({...configMap, ...own}, ['brokers', 'connectUrl']);
    expect(config).toMatchObject({topicReplication: 3, connectUrl: configMap['CONNECT_URL']});
  });
});

describe('the audit', () => {
  const [container] = audit.spec.template.spec.containers;
  const secret = read<{stringData: Record<string, string>}>('example/audit-secret.example.yaml').stringData;

  test('reads its secrets from the mounted files, and the other settings of the worker', () => {
    const [mount] = container.volumeMounts ?? [];
    const own = Object.fromEntries(container.env.map(({name, value = ''}) => [name, value]));
    expect(own).toEqual(
      Object.fromEntries(
        Object.keys(secret).map((name) => [`${name}_FILE`, `${mount?.mountPath ?? ''}/${name}`]),
      ),
    );
    const config = readConfig({...configMap, REDIS_URL_FILE: '', ...secret}, [
      'brokers',
      'redisUrl',
      'mysqlUrl',
    ]);
    expect(config.mysqlUrl).toBe(secret['MYSQL_URL']);
  });

  test.each([
    ['Kubernetes', (container.args ?? []).join(' ')],
    [
      'docker-compose.yml',
      (parse(readFileSync('docker-compose.yml', 'utf8')) as Compose).services['audit']?.command?.join(' ') ??
        '',
    ],
    [
      'systemd',
      /^ExecStart=\S+\/(node .*)$/m.exec(
        readFileSync('deploy/systemd/order-projector-audit.service', 'utf8'),
      )?.[1] ?? '',
    ],
  ])('is started by %s with the options that the documents name', (_, command) => {
    // The image has `node dist/main.js` as its entry point.
    expect(command).toMatch(/(?:^|dist\/main\.js )audit --repair --every 10m$/);
  });
});

describe('probes', () => {
  const view = workerView({});
  const metrics = new Metrics({view: () => view, topic: 't', hasExporterSeries: false});
  const paths = Object.keys(
    routesOf({view: () => view, metrics, history: new History(() => view), stuckMsMax: 1, hasShop: false}),
  );

  test('request paths that the worker serves, on the port on which it listens', () => {
    expect(worker.ports).toEqual([{name: 'http', containerPort: Number(configMap['PROJECTOR_HTTP_PORT'])}]);
    const asked = [worker.startupProbe, worker.livenessProbe, worker.readinessProbe].map(
      ({httpGet}) => httpGet,
    );
    expect(asked).toEqual(['/startupz', '/livez', '/readyz'].map((path) => ({path, port: 'http'})));
    expect(paths).toEqual(expect.arrayContaining(asked.map(({path}) => path)));
  });

  test('allow five minutes for a start', () => {
    const {periodSeconds, failureThreshold = 3} = worker.startupProbe;
    expect(periodSeconds * failureThreshold).toBe(300);
  });

  test('are followed by a grace period that is longer than the stop timeout of the worker', () => {
    const {terminationGracePeriodSeconds} = deployment.spec.template.spec;
    expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(Number(SETTINGS.stopTimeoutMs.default));
  });

  test('use the same port as Prometheus, which scrapes a path that the worker serves', () => {
    const monitor = read<{spec: {podMetricsEndpoints: {port: string; path: string}[]}}>(
      'monitoring/pod-monitor.yaml',
    );
    for (const {port, path} of monitor.spec.podMetricsEndpoints) {
      expect(port).toBe('http');
      expect(paths).toContain(path);
    }
  });
});

describe('permissions', () => {
  test.each([
    ['the worker', deployment],
    ['the job of the connector', job],
    ['the audit', audit],
  ])('%s has only the permissions that it needs', (_, {spec}) => {
    const pod = spec.template.spec;
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: 'RuntimeDefault'}},
    });
    expect(pod.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: {drop: ['ALL']},
    });
    expect(pod.containers[0].resources.limits['memory']).toMatch(/^\d+Mi$/);
    expect(pod.containers[0].resources.requests).toMatchObject({cpu: '100m'});
    expect(readFileSync('Dockerfile', 'utf8')).toMatch(/^USER 65532:65532$/m);
  });

  test('the secret is mounted read-only, and only the worker can read it', () => {
    expect(worker.volumeMounts).toMatchObject([{readOnly: true}]);
    expect(deployment.spec.template.spec).toMatchObject({
      securityContext: {fsGroup: 65532},
      volumes: [{secret: {secretName: 'order-projector', defaultMode: 0o440}}],
    });
  });

  test('a rollout never runs more workers than before', () => {
    expect(deployment.spec.strategy.rollingUpdate).toEqual({maxSurge: 0, maxUnavailable: 1});
  });
});

test('the PrometheusRule for the operator contains the same rules as the rule file of Prometheus', () => {
  const {spec} = read<{spec: unknown}>('monitoring/prometheus-rule.yaml');
  expect(spec).toEqual(ruleFile());
});

test('KEDA scales by the lag of the same group and topic, up to the number of partitions', () => {
  const {spec} = read<{
    spec: {
      scaleTargetRef: {name: string};
      minReplicaCount: number;
      maxReplicaCount: number;
      triggers: {type: string; metadata: Record<string, string>}[];
    };
  }>('keda/scaled-object.yaml');
  expect(spec.triggers).toMatchObject([
    {
      type: 'kafka',
      metadata: {
        bootstrapServers: configMap['KAFKA_BROKERS'],
        consumerGroup: configMap['KAFKA_GROUP_ID'],
        topic: configMap['KAFKA_TOPIC'],
        excludePersistentLag: 'true',
        allowIdleConsumers: 'false',
      },
    },
  ]);
  expect(spec.minReplicaCount).toBeGreaterThanOrEqual(1);
  expect(spec.maxReplicaCount).toBe(Number(SETTINGS.topicPartitions.default));
});

test.each(['order-projector', 'order-projector-audit'])(
  'the systemd unit %s sets only known settings, and its stop timeout is longer than the worker’s',
  (name) => {
    const unit = readFileSync(`deploy/systemd/${name}.service`, 'utf8');
    const own = [...unit.matchAll(/^Environment=(\w+)=/gm)].map(([, name = '']) => name);
    expect(own.filter((name) => name !== 'NODE_ENV' && !known.has(name))).toEqual([]);
    const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    expect(seconds * 1_000).toBeGreaterThan(Number(SETTINGS.stopTimeoutMs.default));
  },
);
