/** The part of the WebAssembly interface that the toolchain uses; Node's type library has none. */

/** A compiled module. Opaque; may be posted to a worker, which then shares its code. */
export interface CompiledModule {
  readonly __compiledModule?: never;
}

/** What the module offers. Addresses and lengths are bytes of its memory. */
export interface RegoExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Starts the runtime; once. */
  _initialize(): void;
  /** Makes room for a request. @returns its address */
  stele_request(bytes: number): number;
  /** Answers the request that was written there. @returns the bytes of the answer */
  stele_call(bytes: number): number;
  /** @returns the address of the answer */
  stele_answer(): number;
}

/** Functions that a module calls. */
export type HostFunctions = Readonly<Record<string, (...args: never[]) => number>>;

interface WasmApi {
  compile(bytes: Uint8Array): Promise<CompiledModule>;
  readonly Module: {
    imports(module: CompiledModule): readonly { module: string; name: string }[];
  };
  readonly Instance: new (
    module: CompiledModule,
    imports: Readonly<Record<string, HostFunctions>>,
  ) => { readonly exports: RegoExports };
}

/** Node's WebAssembly. */
export const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;
