/** Bounds of the toolchain. Sources come from people who may have made a mistake, or from a candidate bundle. */
export const TOOLCHAIN_LIMITS = {
  /** Files of one call; the default policy has 15. */
  files: 2000,
  /** UTF-8 bytes of all texts of one call. The compiler needs about ten times as much memory. */
  bytes: 32 * 1024 * 1024,
  /** Milliseconds of one call before its worker is ended: 1,500 rules build in 2 s on an idle core. */
  deadlineMs: 60_000,
  /** Bytes of an instance's memory at which it is thrown away after the call: it never shrinks. */
  watermarkBytes: 512 * 1024 * 1024,
} as const;
