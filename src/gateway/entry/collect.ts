/**
 * Groups what many requests ask for in the same turn of the event loop into one call: one hop to a policy worker, one
 * write to the journal. No timer: a lone request waits for nothing.
 */

/** Hands a job to the group of this turn. Resolves with its own result. */
export type Collect<Job, Result> = (job: Job) => Promise<Result>;

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * @param act - Gets the jobs in the order in which they came; resolves with as many results in that order.
 * @param schedule - When the group closes: `setImmediate` takes all requests of one poll of the sockets.
 */
export function collector<Job, Result>(
  act: (jobs: Job[]) => Promise<readonly Result[]>,
  schedule: (flush: () => void) => void,
): Collect<Job, Result> {
  let jobs: Job[] = [];
  let waiting: Waiting<Result>[] = [];
  const flush = (): void => {
    const group = jobs;
    const callers = waiting;
    jobs = [];
    waiting = [];
    void settle(act, group, callers);
  };
  return async (job) =>
    new Promise((resolve, reject) => {
      jobs.push(job);
      waiting.push({ resolve, reject });
      if (jobs.length === 1) schedule(flush);
    });
}

async function settle<Job, Result>(
  act: (jobs: Job[]) => Promise<readonly Result[]>,
  jobs: Job[],
  callers: readonly Waiting<Result>[],
): Promise<void> {
  try {
    const results = await act(jobs);
    if (results.length !== jobs.length) {
      throw new Error(`invariant broken: ${jobs.length} jobs, ${results.length} results`);
    }
    for (const [index, caller] of callers.entries()) caller.resolve(results[index] as Result);
  } catch (error) {
    for (const caller of callers) caller.reject(error);
  }
}
