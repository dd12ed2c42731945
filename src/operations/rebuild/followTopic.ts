/** The worker of a rebuild: applies the topic to the new content, from the position that this content holds. */
import type {ReadModel} from '../../apply/readModel.js';
import type {KafkaTopic} from '../../clients/kafka/admin.js';
import {KafkaLog} from '../../clients/kafka/topicLog.js';
import {kafkaSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {Decoder} from '../../decode/decode.js';
import {partitionOfKey} from '../../decode/partitioner.js';
import {noFailpoint} from '../../runtime/failpoints.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {Projector} from '../../worker/projector.js';
import {Follower, UncommittedLog} from './follower.js';
import {bar, Progress} from './progress.js';

export interface FollowOptions {
  readonly config: ConfigWith<'brokers'>;
  readonly model: ReadModel;
  readonly partitions: number;
  readonly topic: KafkaTopic;
  /** Names the run. The consumer group of the worker contains it. */
  readonly id: string;
  /** Prints the warnings and errors of the worker. */
  readonly say: (text: string) => void;
  /**
   * Shows the progress. `head` receives the free columns left of the text and returns a bar for them. It is called only if
   * the line changes in place.
   */
  readonly show: (text: string, head: (columns: number) => string) => void;
}

/** Records of all partitions that a rebuild folds together, in bytes. Up to two windows are decoded or on their way too (L1). */
const WINDOW_BYTES = 24 * 1_048_576;

export function followLog(options: FollowOptions): Follower {
  const {config, model, partitions, topic, id, say, show} = options;
  // No other process is in this consumer group, so it causes no rebalance of the live workers.
  const groupId = `${config.groupId}-rebuild-${id}`;
  const log = new UncommittedLog(
    new KafkaLog({...kafkaSettings(config), ...config, groupId}, () => undefined, systemClock),
  );
  const decoder = new Decoder(sourceSchema(config));
  // Messages about one partition (such as a resume) are useful in the log of a worker. Here the progress line shows their
  // effect.
  const notify = (fields: object, message: string): void => {
    if (!('partition' in fields)) say(`${message}${'reason' in fields ? `: ${String(fields.reason)}` : ''}`);
  };
  let foldsWindows = true;
  const worker = new Projector(
    {
      ...config,
      partitions,
      holdsPartitions: false,
      foldsWindows: () => foldsWindows,
      queueBytesMax: Math.max(config.queueBytesMax, Math.floor(WINDOW_BYTES / partitions)),
    },
    {
      log,
      model,
      clock: systemClock,
      failpoint: noFailpoint,
      decode: (record) => decoder.decode(record),
      partitionOf: (key) => partitionOfKey(key, partitions),
      logger: {info: () => undefined, warn: notify, error: notify},
    },
  );
  const progress = new Progress();
  return new Follower({
    worker,
    log,
    endWindows: () => void (foldsWindows = false),
    clock: systemClock,
    positions: model.positions,
    ranges: async () => await topic.ranges(),
    progress: (reached) =>
      show(progress.line(reached, systemClock.nowMs()), (columns) => bar(reached, columns)),
  });
}
