/** The worker thread that runs the module: started when needed, ended at a deadline, replaced afterwards. */
import { Worker } from 'node:worker_threads';
import type { CompiledModule } from './wasm.ts';
import { ToolchainError } from './toolchain-error.ts';
import type { ToolchainReply, ToolchainWorkerStart } from './worker.ts';

const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
/** Tests run the sources, but a thread can only run what was compiled. */
const PROGRAM =
  EXTENSION === 'js'
    ? new URL('worker.js', import.meta.url)
    : new URL('../../dist/toolchain/worker.js', import.meta.url);
/** Characters of a module's last words that a message shows. */
const WORDS_MAX = 200;

/** Asks one thing at a time, in the order of the calls. */
export class RegoThread {
  readonly #load: () => Promise<CompiledModule>;
  #module: Promise<CompiledModule> | undefined;
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** @param load - Called once, at the first request. */
  constructor(load: () => Promise<CompiledModule>) {
    this.#load = load;
  }

  /**
   * Answers one request, after all that were made before.
   *
   * @param deadlineMs - From its start, not from the call.
   * @throws {@link ToolchainError} `toolchain_timeout`: its worker was ended. `toolchain_trapped`: its instance is gone.
   */
  async ask(request: string, deadlineMs: number): Promise<string> {
    const turn = this.#last.then(async () => this.#run(request, deadlineMs));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Ends the worker; what runs fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  async #run(request: string, deadlineMs: number): Promise<string> {
    this.#module ??= this.#load();
    const worker = this.#start(await this.#module);
    const reply = await this.#reply(worker, request, deadlineMs);
    if ('answer' in reply) return reply.answer;
    const words = (reply.words.split('\n')[0] ?? '').slice(0, WORDS_MAX);
    const why = words === '' ? reply.trapped : words;
    throw new ToolchainError('toolchain_trapped', `the Rego toolchain gave up: ${why}`);
  }

  #start(module: CompiledModule): Worker {
    if (this.#closed)
      throw new ToolchainError('toolchain_unusable', 'the Rego toolchain is closed');
    if (this.#worker !== undefined) return this.#worker;
    const workerData: ToolchainWorkerStart = { module };
    this.#worker = new Worker(PROGRAM, { workerData });
    this.#worker.setMaxListeners(0);
    return this.#worker;
  }

  async #reply(worker: Worker, request: string, deadlineMs: number): Promise<ToolchainReply> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<ToolchainReply>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', (cause) => {
          reject(new ToolchainError('toolchain_trapped', 'the Rego toolchain died', { cause }));
        });
        worker.once('exit', () => {
          reject(new ToolchainError('toolchain_trapped', 'the Rego toolchain was ended'));
        });
        timer = setTimeout(() => {
          reject(
            new ToolchainError(
              'toolchain_timeout',
              `not done in ${deadlineMs} ms, so it was stopped`,
            ),
          );
        }, deadlineMs);
        worker.postMessage(request);
      });
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      clearTimeout(timer);
      worker.removeAllListeners('message').removeAllListeners('error').removeAllListeners('exit');
    }
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
