/** Verification: of one entry with its proof, and of a whole log. */
export { LogVerification } from './log.ts';
export type { BatchSource, LogAnchors, LogOptions } from './log.ts';
export { verifyProof } from './proof.ts';
export type {
  ProofAnchors,
  ProofEvidence,
  ProofExpectation,
  ProofReport,
} from './proof-evidence.ts';
export { step, verdictOf } from './report.ts';
export type { Report, ReportVerdict, Step, StepVerdict } from './report.ts';
