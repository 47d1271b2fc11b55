/** Plain data that says how one gateway answers. Filled once, with {@link gatewayDefaults}; below that nothing is optional. */
export interface GatewaySettings {
  /**
   * Largest event in bytes of JSON, 1,024 to 1,048,576. Smaller: real events are refused. Larger: one event holds a
   * policy worker for longer, and records grow.
   *
   * @defaultValue 262,144
   */
  readonly eventBytesMax: number;
  /**
   * Largest body of many events in bytes, after decompression, 65,536 to 67,108,864. Smaller: bulk senders need more
   * requests. Larger: more memory for each request in flight.
   *
   * @defaultValue 16,777,216
   */
  readonly bodyBytesMax: number;
  /**
   * Milliseconds in which a whole body must arrive, 100 to 120,000. Shorter: callers on bad networks are cut off. Longer:
   * slow senders hold connections and memory.
   *
   * @defaultValue 15,000
   */
  readonly bodyMs: number;
  /**
   * Requests that may be at work, counted from their complete body on, 1 to 100,000; one more is refused with 503, and
   * so is a caller that has three times what is left. Fewer: bursts are refused. More: each waits longer.
   *
   * @defaultValue 2,000
   */
  readonly requestsMax: number;
  /**
   * Connections that may be open, 1 to 1,000,000; one more is closed at once. A caller may have bodies on their way on
   * three times as many as are left, strangers on a third. Fewer: pools of many callers do not fit. More: each holds a
   * file descriptor and about 10 KB.
   *
   * @defaultValue 10,000
   */
  readonly connectionsMax: number;
  /**
   * Milliseconds that a write with `?ack=sealed` waits for its seal before it is answered as `durable`, 100 to 60,000.
   * Shorter: more answers of the weaker state. Longer: callers wait on a store that does not answer.
   *
   * @defaultValue 10,000
   */
  readonly sealWaitMs: number;
  /**
   * Longest `?wait=` of a proof in milliseconds, 0 to 60,000. Shorter: clients poll. Longer: connections are held.
   *
   * @defaultValue 30,000
   */
  readonly proofWaitMs: number;
  /**
   * Milliseconds between two summary entries of what was counted instead of recorded, 1,000 to 3,600,000. Shorter: more
   * entries. Longer: a crash loses the counts of a longer time.
   *
   * @defaultValue 60,000
   */
  readonly summaryMs: number;
  /**
   * Denials of one caller in a minute that become entries of their own, 1 to 1,000,000; further ones are counted in the
   * summary. Fewer: less detail of an attack. More: whoever is refused fills locked storage.
   *
   * @defaultValue 600
   */
  readonly denialsPerMinute: number;
  /**
   * Bytes of such entries of one caller in a minute, 16,384 to 1,073,741,824; a denial that does not fit is counted. Fewer:
   * less detail. More: whoever is refused fills locked storage, by 1.5 GB a day at the default.
   *
   * @defaultValue 1,048,576
   */
  readonly denialBytesPerMinute: number;
  /**
   * Entries that one caller's writes and recorded reads may make in a minute, 1 to 100,000,000; strangers together have a
   * fortieth. What is beyond is refused with 429. Fewer: senders of many events are slowed down. More: one caller fills
   * storage that nobody can empty for years. At the default a caller may send ten thousand a second,
   * several times what one gateway takes: it ends a flood, and no honest sender.
   *
   * @defaultValue 600,000
   */
  readonly entriesPerMinute: number;
  /**
   * Bytes of such entries in a minute, 1,048,576 to 1,099,511,627,776: each event as it is after decompression, and 2,048 for
   * its leaf. Fewer: senders of large events are slowed down. More: one caller fills locked storage, by 1.5 TB a day at the
   * default.
   *
   * @defaultValue 1,073,741,824
   */
  readonly entryBytesPerMinute: number;
  /**
   * Milliseconds that requests in flight get at shutdown, 0 to 300,000. Shorter: callers see cut connections and must
   * retry. Longer: the supervisor may kill the process first.
   *
   * @defaultValue 10,000
   */
  readonly drainMs: number;
  /**
   * Milliseconds between saying "not ready" and closing the door, 0 to 60,000. Shorter: balancers still send requests
   * to a closed port. Longer: shutdown takes that long.
   *
   * @defaultValue 0
   */
  readonly readinessDelayMs: number;
  /**
   * Addresses or subnets of proxies whose `X-Forwarded-For` is believed. An address too many lets its owner choose the
   * IP that policies and entries see; one too few makes them see the proxy.
   *
   * @defaultValue none
   */
  readonly trustedProxies: readonly string[];
  /**
   * Whether `/metrics` answers on this listener. Off where it is reachable by strangers: it tells volumes.
   *
   * @defaultValue true
   */
  readonly metrics: boolean;
  /**
   * Whether one line is logged for each request. Off: errors only.
   *
   * @defaultValue true
   */
  readonly requestLog: boolean;
}

/** Defaults of {@link GatewaySettings}. */
export const gatewayDefaults: GatewaySettings = Object.freeze({
  eventBytesMax: 262_144,
  bodyBytesMax: 16_777_216,
  bodyMs: 15_000,
  requestsMax: 2_000,
  connectionsMax: 10_000,
  sealWaitMs: 10_000,
  proofWaitMs: 30_000,
  summaryMs: 60_000,
  denialsPerMinute: 600,
  denialBytesPerMinute: 1_048_576,
  entriesPerMinute: 600_000,
  entryBytesPerMinute: 1_073_741_824,
  drainMs: 10_000,
  readinessDelayMs: 0,
  trustedProxies: Object.freeze([]),
  metrics: true,
  requestLog: true,
});

/** Least and greatest value of each number among {@link GatewaySettings}. */
export const gatewayRanges = Object.freeze({
  eventBytesMax: [1_024, 1_048_576],
  bodyBytesMax: [65_536, 67_108_864],
  bodyMs: [100, 120_000],
  requestsMax: [1, 100_000],
  connectionsMax: [1, 1_000_000],
  sealWaitMs: [100, 60_000],
  proofWaitMs: [0, 60_000],
  summaryMs: [1_000, 3_600_000],
  denialsPerMinute: [1, 1_000_000],
  denialBytesPerMinute: [16_384, 1_073_741_824],
  entriesPerMinute: [1, 100_000_000],
  entryBytesPerMinute: [1_048_576, 1_099_511_627_776],
  drainMs: [0, 300_000],
  readinessDelayMs: [0, 60_000],
} as const satisfies Partial<Record<keyof GatewaySettings, readonly [number, number]>>);
