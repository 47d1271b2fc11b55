import { wasiHost } from './wasi.ts';
import { wasm } from './wasm.ts';
import type { CompiledModule, RegoExports } from './wasm.ts';
import type { WasiHost } from './wasi.ts';

/** One running module. After a call that threw it must not be used again: Go's stack was not unwound. */
export class RegoInstance {
  readonly #host: WasiHost;
  readonly #exports: RegoExports;

  /** Starts the Go runtime; about 50 ms. */
  constructor(module: CompiledModule) {
    const names = wasm.Module.imports(module).map(({ name }) => name);
    this.#host = wasiHost(names);
    const imports = { wasi_snapshot_preview1: this.#host.functions };
    this.#exports = new wasm.Instance(module, imports).exports;
    this.#host.memory = this.#exports.memory;
    this.#exports._initialize();
  }

  /** Bytes of its memory, which only grows. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** What the program printed: nothing, unless it died. */
  get words(): string {
    return this.#host.words();
  }

  /** Answers a request, both JSON text. @throws whatever stops the module: out of stack, out of memory, exit. */
  call(request: string): string {
    const bytes = Buffer.byteLength(request);
    const at = this.#exports.stele_request(bytes) >>> 0;
    Buffer.from(this.#exports.memory.buffer, at, bytes).write(request, 'utf8');
    const length = this.#exports.stele_call(bytes) >>> 0;
    const answer = Buffer.from(
      this.#exports.memory.buffer,
      this.#exports.stele_answer() >>> 0,
      length,
    );
    return answer.toString('utf8');
  }
}
