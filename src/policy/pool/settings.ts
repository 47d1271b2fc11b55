/** Plain data that says how a pool runs. */
export interface WorkerPoolSettings {
  /** Threads that decide at the same time. More than cores less one only makes them wait for each other. */
  readonly workers: number;
  /** Threads that are ready to stand in for one that is stuck. None: others wait for as long as the deadline. */
  readonly spares: number;
  /** Milliseconds for one job, 10 to 1000. Short: a busy machine denies what is fine. Long: a runaway policy costs more. */
  readonly deadlineMs: number;
  /** Milliseconds for a worker to become ready, which includes evaluations to warm it up. Beyond, it does not start. */
  readonly startMs: number;
  /** Milliseconds after which the jobs behind a slow one are given to a spare. */
  readonly stallMs: number;
  /** Jobs that may wait. Beyond, a job is denied with `engine_overloaded`. */
  readonly queueJobs: number;
  /** Bytes of the events that may wait; beyond, likewise. */
  readonly queueBytes: number;
  /** Jobs of one message, of which a worker may have two; bounds how long an answer waits for the jobs that came with it. */
  readonly messageJobs: number;
  /** Bytes of the events of one message, likewise. */
  readonly messageBytes: number;
  /** MiB of JavaScript heap of one worker. */
  readonly heapMb: number;
  /** The compiled worker program. Default: beside this file, or in `dist` when this runs as source. */
  readonly workerUrl: URL;
}

/** What holds where a setting is not given. */
export const workerPoolDefaults: WorkerPoolSettings = {
  workers: 1,
  spares: 1,
  deadlineMs: 250,
  startMs: 30_000,
  stallMs: 20,
  queueJobs: 16_384,
  queueBytes: 67_108_864,
  messageJobs: 64,
  messageBytes: 131_072,
  heapMb: 256,
  workerUrl: new URL(
    import.meta.url.endsWith('.ts') ? '../../../dist/policy/pool/worker.js' : './worker.js',
    import.meta.url,
  ),
};
