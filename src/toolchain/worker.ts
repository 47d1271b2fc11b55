/** The program of the toolchain's worker thread: one call after the other, and a new instance after each that trapped. */
import { parentPort, workerData } from 'node:worker_threads';
import { RegoInstance } from './instance.ts';
import { TOOLCHAIN_LIMITS } from './limits.ts';
import type { CompiledModule } from './wasm.ts';

/** What a worker is started with. */
export interface ToolchainWorkerStart {
  readonly module: CompiledModule;
}

/** What comes back for a request: the answer as JSON text, or why the instance is gone. */
export type ToolchainReply =
  { readonly answer: string } | { readonly trapped: string; readonly words: string };

if (parentPort === null) throw new Error('this program runs as a worker thread');
const port = parentPort;
const { module } = workerData as ToolchainWorkerStart;
let instance: RegoInstance | undefined;

port.on('message', (request: string) => {
  port.postMessage(reply(request));
});

function reply(request: string): ToolchainReply {
  let running: RegoInstance | undefined;
  try {
    running = instance ??= new RegoInstance(module);
    const answer = running.call(request);
    if (running.memoryBytes > TOOLCHAIN_LIMITS.watermarkBytes) instance = undefined;
    return { answer };
  } catch (error) {
    instance = undefined;
    const trapped = error instanceof Error ? error.message : String(error);
    return { trapped, words: running?.words ?? '' };
  }
}
