/** What goes to the Go side and what comes back; the other half is `infra/rego-toolchain/toolchain/call.go`. */
import type { JsonValue } from '../core/json/strict-json.ts';

/** Texts of a policy folder by slash path, as a command that runs inside the folder names them. */
export type SourceFiles = ReadonlyMap<string, string>;

/** What every call over sources takes. */
export interface SourceOptions {
  readonly files: SourceFiles;
  /** Names of files and folders to leave out, as shell patterns. */
  readonly ignore?: readonly string[];
  /** JSON text of a capabilities file; without it everything that this OPA knows is allowed. */
  readonly capabilities?: string | undefined;
}

/** Flags of `opa build`; what is absent has that command's default. */
export interface BuildOptions {
  readonly target?: 'rego' | 'wasm' | 'plan';
  readonly entrypoints?: readonly string[];
  readonly optimize?: 0 | 1 | 2;
  readonly pruneUnused?: boolean;
  /** `--bundle`: the folder's manifest counts, and only `data.json` and `data.yaml` are data. */
  readonly asBundle?: boolean;
  readonly revision?: string | undefined;
}

/** Flags of `opa check`. */
export interface CheckOptions {
  readonly strict?: boolean;
  /** JSON texts by name, for `schemas` annotations; `input` holds for every rule without one. */
  readonly schemas?: ReadonlyMap<string, string>;
}

/** Flags of `opa test`. */
export interface TestOptions {
  /** A regular expression of test names (RE2). */
  readonly run?: string | undefined;
  readonly verbose?: boolean;
  readonly format?: 'pretty' | 'json';
  readonly coverage?: boolean;
  /** Percent of lines that must be covered. */
  readonly threshold?: number;
}

/** What `opa eval` is asked. */
export interface EvaluateOptions {
  readonly query: string;
  /** JSON text; absent: no input. */
  readonly input?: string;
  /** Whether to tell which rules gave a value. */
  readonly trace?: boolean;
}

/** A mistake with its place; rows and columns count from one. */
export interface Problem {
  /** OPA's, as `rego_parse_error`, or `builtin_refused`. */
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly row?: number;
  readonly column?: number;
  /** A built-in that OPA has and the capabilities do not allow. */
  readonly builtin?: string;
  /** What to write in its place. */
  readonly instead?: string;
}

/** What the artefact was made from. */
export interface ToolchainVersion {
  readonly opa: string;
  readonly go: string;
}

/** A test that failed or could not run. */
export interface TestFailure {
  readonly name: string;
  readonly file?: string;
  readonly row?: number;
  readonly message?: string;
}

/** What ran, and OPA's own words for it. */
export interface TestReport {
  readonly passed: number;
  readonly failed: number;
  readonly errors: number;
  readonly skipped: number;
  readonly failures: readonly TestFailure[];
  /** What `opa test` prints. */
  readonly report: string;
  /** Percent; where it was asked for and every test passed. */
  readonly coverage?: number;
  /** Why the reporter was not content, as with coverage below the threshold. */
  readonly refused?: string;
}

/** A rule that gave a value, with the place of the definition that gave it. */
export interface FiredRule {
  readonly rule: string;
  readonly file: string;
  readonly row: number;
  readonly title?: string;
  readonly text: string;
}

/** One result of a query. */
export interface QueryResult {
  readonly expressions: readonly { readonly value: JsonValue; readonly text: string }[];
}

/** The result set, and with a trace how it came about. */
export interface Evaluated {
  readonly results: readonly QueryResult[];
  readonly fired: readonly FiredRule[];
  /** OPA's own text of the expressions that were not true. */
  readonly failed: string;
  /** What `print` calls said. */
  readonly printed: string;
}

/** What the Go side answers; which members are there depends on the operation. */
export interface Answer {
  readonly ok: boolean;
  readonly problems?: readonly Problem[];
  readonly version?: ToolchainVersion;
  readonly capabilities?: JsonValue;
  /** Base64. */
  readonly bundle?: string;
  readonly formatted?: Readonly<Record<string, string>>;
  readonly test?: TestReport;
  readonly evaluated?: {
    readonly results?: readonly QueryResult[] | null;
    readonly fired?: readonly FiredRule[];
    readonly failed?: string;
    readonly printed?: string;
  };
}
