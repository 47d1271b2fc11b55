/**
 * The strict evaluator. OPA's WebAssembly host interface fails open in several ways: bytes that do not parse become
 * *no input*, falsy inputs vanish, a Buffer is serialised as an object, a numeric entrypoint is coerced, and an instance
 * that aborted once may go on with a broken stack. So the package only instantiates; the call is made here.
 */
import { MalformedError } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/json/strict-json.ts';
import type { JsonLimits, JsonValue } from '../../core/json/strict-json.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import { HOST_BUILTINS } from './builtins/index.ts';
import { instantiateWithHost } from './host-module.ts';
import { BundleError, PolicyError } from '../contract/policy-error.ts';
import { formatJson, parseRego } from '../contract/rego-text.ts';
import { RegoSet } from '../contract/rego-value.ts';
import { instantiate } from './wasm-module.ts';
import type { LoadedModule, OpaExports, WasmModule } from './wasm-module.ts';

/** Bounds of one engine. They can change a result (by refusing it), so they are part of the policy's identity. */
export interface EngineLimits {
  /** UTF-8 bytes of one input. Needs about 20 times as much memory inside the module. */
  readonly inputBytes: number;
  /** UTF-8 bytes of one result. */
  readonly resultBytes: number;
  /** Pages of 64 KiB that one instance may ever have; the only hard bound on its memory. */
  readonly memoryPages: number;
}

/** Hygiene of instances; cannot change a result. */
export interface EngineHygiene {
  /** Bytes above its size after loading at which an instance is thrown away: memory never shrinks. */
  readonly watermarkBytes: number;
  /** Evaluations after which an instance is thrown away. */
  readonly evaluations: number;
}

/** A compiled module with the data that it decides over. Plain data but for the module; may be posted. */
export interface CompiledPolicy {
  readonly module: WasmModule;
  /** The base document as RFC 8785 text. */
  readonly data: string;
  readonly limits: EngineLimits;
}

/** What an engine found in its module. */
export interface ModuleFacts {
  readonly entrypoints: readonly string[];
  /** Host functions that the module calls. */
  readonly builtins: readonly string[];
  /** `major.minor` of OPA's ABI. */
  readonly abi: string;
}

/** Evaluates an entrypoint over an input. The worker and the tests have one each; so may a replay. */
export interface Evaluator {
  /** @throws {@link PolicyError} and nothing else. */
  evaluate(entrypoint: string, input: string): JsonValue;
}

/** Refilling costs 0.2 to 1 ms, so both are far apart from what one evaluation needs. */
export const DEFAULT_HYGIENE: EngineHygiene = {
  watermarkBytes: 16 * 1024 * 1024,
  evaluations: 10_000,
};

const PAGE_BYTES = 65_536;
const RESULT_DEPTH = 16;
const RESULT_MEMBERS = 10_000;
const RESET = 0;
/** Of `opa_eval`: write sets as sets. As JSON they are arrays in the order of the module's hash table, which is not OPA's. */
const AS_REGO = 1;
const NO_RESULTS = 'set()';

/** @returns limits for a policy whose data is `dataBytes` of JSON text; the factors are measured, with a margin. */
export function limitsFor(dataBytes: number): EngineLimits {
  const inputBytes = 384 * 1024;
  const memory = 32 * inputBytes + 16 * dataBytes + 8 * 1024 * 1024;
  return { inputBytes, resultBytes: 64 * 1024, memoryPages: Math.ceil(memory / PAGE_BYTES) };
}

/** Answers remembered by their text: most events of a service are answered alike. 2 MiB at the most. */
const REMEMBERED = 256;
const REMEMBERED_CHARACTERS_MAX = 4096;

/** One policy, evaluated on one thread. Holds at most one instance, made when needed. */
export class PolicyEngine implements Evaluator {
  readonly facts: ModuleFacts;
  readonly #policy: CompiledPolicy;
  readonly #hygiene: EngineHygiene;
  readonly #resultLimits: JsonLimits;
  readonly #entrypoints: ReadonlyMap<string, number>;
  readonly #results = new Map<string, JsonValue>();
  #instance: Instance | undefined;
  #instances = 0;
  #instantiate = instantiate;

  /**
   * Instantiates once, to check the module.
   *
   * @throws {@link BundleError} when the ABI is below 1.2, a host function is not among {@link HOST_BUILTINS}, or the
   *   data does not load.
   */
  constructor(policy: CompiledPolicy, hygiene: EngineHygiene = DEFAULT_HYGIENE) {
    this.#policy = policy;
    this.#hygiene = hygiene;
    this.#resultLimits = {
      bytes: policy.limits.resultBytes,
      depth: RESULT_DEPTH,
      members: RESULT_MEMBERS,
      stringLength: policy.limits.resultBytes,
    };
    let instance: Instance;
    try {
      instance = this.#fresh();
    } catch (cause) {
      throw new BundleError(`policy module does not start: ${describe(cause)}`, cause);
    }
    this.facts = instance.facts();
    this.#entrypoints = instance.entrypoints;
    assertUsable(this.facts);
    if (this.facts.builtins.length === 0) return;
    this.#instantiate = instantiateWithHost;
    this.#instance = undefined;
  }

  /** Instances made so far, counting the first. */
  get instances(): number {
    return this.#instances;
  }

  /**
   * Evaluates over `input`, which is the RFC 8785 text of a strictly parsed value: nothing of it is checked here but its
   * size, and the module's own parser is lenient.
   *
   * @param entrypoint - By name, as in `stele/append`.
   * @returns The value of the one result; the same object for the same answer, so it must not be changed.
   * @throws {@link PolicyError} `policy_undefined`, `policy_bad_output`, or `policy_error` for everything that went
   *   wrong inside; after the last the instance is gone.
   */
  evaluate(entrypoint: string, input: string): JsonValue {
    if (input === '') throw new PolicyError('policy_error', 'a decision needs an input');
    return this.#result(this.resultSet(entrypoint, input));
  }

  /**
   * The whole answer as the module writes it: a Rego set of results, empty when undefined. For what is no policy but
   * runs by this engine, as OPA's conformance cases.
   *
   * @param input - Empty for no input at all.
   * @throws {@link PolicyError}
   */
  resultSet(entrypoint: string, input: string): string {
    const id = this.#entrypoints.get(entrypoint);
    if (id === undefined) throw new PolicyError('policy_undefined', `no entrypoint ${entrypoint}`);
    const bytes = Buffer.byteLength(input);
    if (bytes > this.#policy.limits.inputBytes || !isWellFormed(input)) {
      throw new PolicyError('policy_error', `input of ${bytes} bytes is not one to evaluate`);
    }
    return this.#run(id, input, bytes);
  }

  #run(entrypoint: number, input: string, bytes: number): string {
    try {
      this.#instance ??= this.#fresh();
      const text = this.#instance.evaluate(entrypoint, input, bytes, this.#policy.limits);
      if (this.#instance.isWorn(this.#hygiene)) this.#instance = undefined;
      return text;
    } catch (cause) {
      // An abort leaves through the module's C frames without unwinding its stack: never used again.
      this.#instance = undefined;
      if (cause instanceof PolicyError) throw cause;
      throw new PolicyError('policy_error', `evaluation failed: ${describe(cause)}`, cause);
    }
  }

  #result(text: string): JsonValue {
    const known = this.#results.get(text);
    if (known !== undefined) return known;
    const result = this.#read(text);
    if (text.length > REMEMBERED_CHARACTERS_MAX) return result;
    const [oldest] = this.#results.keys();
    if (this.#results.size >= REMEMBERED && oldest !== undefined) this.#results.delete(oldest);
    this.#results.set(text, result);
    return result;
  }

  #read(text: string): JsonValue {
    if (text === NO_RESULTS) throw new PolicyError('policy_undefined', 'policy gave no result');
    const only = this.#parse(text);
    const result = isJsonObject(only) ? only['result'] : undefined;
    if (result === undefined || Object.keys(only as object).length !== 1) {
      throw new PolicyError('policy_bad_output', 'policy gave not exactly one result');
    }
    // The result is a part of the record, at whose top SD-JWT has a member of this name (RFC 9901 section 4.1.1).
    if (isJsonObject(result) && Object.hasOwn(result, '_sd_alg')) {
      throw new PolicyError('policy_bad_output', 'result has the reserved member _sd_alg');
    }
    return result;
  }

  /** The only member of the set. JSON is read at once; what holds a set or other keys is first written as OPA's JSON. */
  #parse(text: string): JsonValue {
    try {
      return parseStrictJson(text.slice(1, -1), this.#resultLimits);
    } catch (cause) {
      if (!(cause instanceof MalformedError) || cause.code !== 'not_json') throw badOutput(cause);
    }
    try {
      const set = parseRego(text);
      const only = set instanceof RegoSet && set.items.length === 1 ? set.items[0] : undefined;
      return parseStrictJson(formatJson(only ?? null), this.#resultLimits);
    } catch (cause) {
      throw badOutput(cause);
    }
  }

  #fresh(): Instance {
    this.#instances++;
    const instance = new Instance(this.#policy, this.#instantiate);
    this.#instance = instance;
    return instance;
  }
}

/** One WebAssembly instance with its data loaded. */
class Instance {
  readonly entrypoints: ReadonlyMap<string, number>;
  readonly #loaded: LoadedModule;
  readonly #exports: OpaExports;
  readonly #data: number;
  readonly #heap: number;
  readonly #sizeAtLoad: number;
  #evaluations = 0;
  /** View of the whole memory; remade after it grew, which detaches the old buffer. */
  #memory: Buffer;

  constructor(policy: CompiledPolicy, start: typeof instantiate) {
    this.#loaded = start(policy.module, policy.limits.memoryPages);
    this.#exports = this.#loaded.wasmInstance.exports;
    this.entrypoints = new Map(Object.entries(this.#loaded.entrypoints));
    this.#memory = Buffer.from(this.#loaded.mem.buffer);
    this.#exports.opa_heap_ptr_set(this.#loaded.baseHeapPtr);
    this.#data = this.#load(policy.data);
    this.#heap = this.#exports.opa_heap_ptr_get();
    this.#sizeAtLoad = this.#loaded.mem.buffer.byteLength;
  }

  facts(): ModuleFacts {
    const table = this.#exports.opa_json_dump(this.#exports.builtins());
    const builtins = JSON.parse(this.#text(table, PAGE_BYTES)) as Record<string, number>;
    const { opa_wasm_abi_version: major, opa_wasm_abi_minor_version: minor } = this.#exports;
    return {
      entrypoints: [...this.entrypoints.keys()].sort(),
      builtins: Object.keys(builtins).sort(),
      abi: `${major.value}.${minor.value}`,
    };
  }

  evaluate(entrypoint: number, input: string, bytes: number, limits: EngineLimits): string {
    this.#evaluations++;
    const start = this.#heap;
    this.#write(input, start, bytes);
    const heap = start + bytes;
    const abi = this.#exports;
    const result = abi.opa_eval(RESET, entrypoint, this.#data, start, bytes, heap, AS_REGO);
    return this.#text(result, limits.resultBytes);
  }

  isWorn(hygiene: EngineHygiene): boolean {
    const grown = this.#loaded.mem.buffer.byteLength - this.#sizeAtLoad;
    return grown > hygiene.watermarkBytes || this.#evaluations >= hygiene.evaluations;
  }

  #load(json: string): number {
    const bytes = Buffer.byteLength(json);
    const address = this.#exports.opa_malloc(bytes);
    this.#write(json, address, bytes);
    const value = this.#exports.opa_json_parse(address, bytes);
    if (value === 0) throw new BundleError('policy data does not parse inside the module');
    return value;
  }

  #write(text: string, address: number, bytes: number): void {
    const { mem } = this.#loaded;
    const lacking = address + bytes - mem.buffer.byteLength;
    if (lacking > 0) mem.grow(Math.ceil(lacking / PAGE_BYTES));
    this.#refresh();
    const written = this.#memory.write(text, address, bytes, 'utf8');
    if (written !== bytes) throw new Error(`wrote ${written} of ${bytes} bytes`);
  }

  /** The NUL-terminated text at `address`. Throws on bytes that are not UTF-8. */
  #text(address: number, bytesMax: number): string {
    this.#refresh();
    const end = this.#memory.indexOf(0, address);
    if (address <= 0 || end < 0) throw new Error('result lies outside the memory');
    if (end - address > bytesMax) {
      throw new PolicyError('policy_bad_output', `result is larger than ${bytesMax} bytes`);
    }
    return utf8Text(this.#memory.subarray(address, end));
  }

  #refresh(): void {
    const { buffer } = this.#loaded.mem;
    if (this.#memory.buffer !== buffer) this.#memory = Buffer.from(buffer);
  }
}

/** A lone surrogate would be written as U+FFFD: another text than the one recorded. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

function badOutput(cause: unknown): PolicyError {
  return new PolicyError('policy_bad_output', 'result is not strict JSON', cause);
}

function assertUsable(facts: ModuleFacts): void {
  const [major, minor] = facts.abi.split('.').map(Number) as [number, number];
  if (major !== 1 || minor < 2) throw new BundleError(`policy ABI is ${facts.abi}, want 1.2`);
  const foreign = facts.builtins.filter((name) => !HOST_BUILTINS.has(name));
  if (foreign.length > 0) {
    throw new BundleError(`policy calls built-ins that the engine has not: ${foreign.join(', ')}`);
  }
}

/** The package throws strings, plain objects and errors of several kinds. None of them holds input. */
function describe(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  const message = (thrown as { readonly message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : 'unknown failure';
}
