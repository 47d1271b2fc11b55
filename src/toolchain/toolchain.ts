/**
 * OPA's compiler, checker, formatter and test runner as typed calls, from one WebAssembly module: nothing but Node is
 * needed. The module is loaded at the first call and runs in a worker thread, because nothing else stops a test that
 * does not end.
 */
import type { JsonValue } from '../core/json/strict-json.ts';
import { adviceFor } from './refused-builtins.ts';
import type {
  Answer,
  BuildOptions,
  CheckOptions,
  Evaluated,
  EvaluateOptions,
  Problem,
  SourceFiles,
  SourceOptions,
  TestOptions,
  TestReport,
  ToolchainVersion,
} from './answers.ts';
import { ARTEFACT, sharedArtefact } from './artefact.ts';
import { TOOLCHAIN_LIMITS } from './limits.ts';
import { RegoThread } from './rego-thread.ts';
import { ToolchainError } from './toolchain-error.ts';

/** How a toolchain runs. */
export interface ToolchainSettings {
  /** Folder of the artefact. */
  readonly artefact: URL;
  /** Milliseconds of one call before it is stopped. */
  readonly deadlineMs: number;
}

/** The toolchain. Calls are answered one after the other; {@link close} it, or its thread keeps the process. */
export class RegoToolchain {
  readonly #thread: RegoThread;
  readonly #deadlineMs: number;

  /** Starts nothing yet. */
  constructor(settings: Partial<ToolchainSettings> = {}) {
    const { artefact = ARTEFACT, deadlineMs = TOOLCHAIN_LIMITS.deadlineMs } = settings;
    this.#thread = new RegoThread(async () => sharedArtefact(artefact));
    this.#deadlineMs = deadlineMs;
  }

  /** What the module was made from, from itself. */
  async version(): Promise<ToolchainVersion> {
    return present((await this.#ask({ op: 'version' })).version);
  }

  /** The capabilities of this OPA: everything that it knows, as a capabilities file. */
  async capabilities(): Promise<JsonValue> {
    return present((await this.#ask({ op: 'capabilities' })).capabilities);
  }

  /** Builds a bundle: the bytes of `opa build` of the same version. @throws {@link ToolchainError} */
  async build(sources: SourceOptions, options: BuildOptions): Promise<Uint8Array> {
    const { pruneUnused, asBundle, ...rest } = options;
    const build = { ...rest, prune_unused: pruneUnused, as_bundle: asBundle };
    const answer = await this.#ask({ op: 'build', ...encode(sources), build });
    return Buffer.from(present(answer.bundle), 'base64');
  }

  /** Parses and compiles. @returns the mistakes, at most 50; none when the sources are good. */
  async check(sources: SourceOptions, options: CheckOptions = {}): Promise<readonly Problem[]> {
    const schemas = Object.fromEntries(
      [...(options.schemas ?? [])].map(([name, text]) => [name, JSON.parse(text) as JsonValue]),
    );
    const check = { strict: options.strict, schemas };
    try {
      await this.#ask({ op: 'check', ...encode(sources), check });
      return [];
    } catch (error) {
      if (error instanceof ToolchainError && error.code === 'policy_source_invalid') {
        return error.problems;
      }
      throw error;
    }
  }

  /** Formats modules. @returns those that change, by path. @throws {@link ToolchainError} where one does not parse. */
  async format(sources: SourceOptions): Promise<SourceFiles> {
    const answer = await this.#ask({ op: 'format', ...encode(sources) });
    return new Map(Object.entries(answer.formatted ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Runs the tests. @throws {@link ToolchainError} where they do not compile; tests that fail are an answer. */
  async test(sources: SourceOptions, options: TestOptions = {}): Promise<TestReport> {
    return present((await this.#ask({ op: 'test', ...encode(sources), test: options })).test);
  }

  /** Evaluates a query over sources and data, interpreted. @throws {@link ToolchainError} */
  async evaluate(sources: SourceOptions, options: EvaluateOptions): Promise<Evaluated> {
    const { input, ...rest } = options;
    const evaluate = {
      ...rest,
      ...(input === undefined ? {} : { input: JSON.parse(input) as JsonValue }),
    };
    const { evaluated } = await this.#ask({ op: 'evaluate', ...encode(sources), evaluate });
    const { results, fired = [], failed = '', printed = '' } = present(evaluated);
    return { results: results ?? [], fired, failed, printed };
  }

  /** Ends the worker thread. */
  async close(): Promise<void> {
    await this.#thread.close();
  }

  async #ask(request: object): Promise<Answer> {
    const text = await this.#thread.ask(JSON.stringify(request), this.#deadlineMs);
    const answer = JSON.parse(text) as Answer;
    if (answer.ok) return answer;
    const problems = (answer.problems ?? []).map(advised).map(placed).sort(byPlace);
    const first = problems[0]?.message ?? 'no reason given';
    throw new ToolchainError('policy_source_invalid', first, { problems });
  }
}

/** The members of a request that hold sources. @throws {@link ToolchainError} `policy_source_too_large`. */
function encode({ files, ignore = [], capabilities }: SourceOptions): object {
  let bytes = 0;
  for (const text of files.values()) bytes += Buffer.byteLength(text);
  if (files.size > TOOLCHAIN_LIMITS.files || bytes > TOOLCHAIN_LIMITS.bytes) {
    throw new ToolchainError(
      'policy_source_too_large',
      `the policy has ${files.size} files of ${bytes} bytes, at most ${TOOLCHAIN_LIMITS.files} of ${TOOLCHAIN_LIMITS.bytes}`,
    );
  }
  return {
    files: Object.fromEntries(files),
    ignore,
    ...(capabilities === undefined ? {} : { capabilities: JSON.parse(capabilities) as JsonValue }),
  };
}

function advised(problem: Problem): Problem {
  if (problem.builtin === undefined) return problem;
  return {
    ...problem,
    message: `${problem.builtin} is not among the built-ins that capabilities.json allows`,
    instead: adviceFor(problem.builtin),
  };
}

/** What is wrong with a file of data has its name at the front of the message only. */
function placed(problem: Problem): Problem {
  const found = /^(?:load error: )?(\S+\.(?:json|ya?ml)): (.*)$/s.exec(problem.message);
  if (problem.file !== undefined || found === null) return problem;
  const [, file = '', message = ''] = found;
  return { ...problem, file, message };
}

function byPlace(a: Problem, b: Problem): number {
  const [left, right] = [a.file ?? '', b.file ?? ''];
  if (left !== right) return left < right ? -1 : 1;
  return (a.row ?? 0) - (b.row ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('invariant broken: an answer has what was asked');
  return value;
}
