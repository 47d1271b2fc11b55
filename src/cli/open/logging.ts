import pino from 'pino';

/** Where gateway and ledger say what they do. */
export interface Log {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** One JSON line an event on standard error: standard output is for results. */
export function createLog(level: string): Log {
  const options = { level, base: null, serializers: { error: pino.stdSerializers.err } };
  const logger = pino(options, pino.destination({ fd: 2, sync: false }));
  return {
    debug: (event, fields) => {
      logger.debug(fields ?? {}, event);
    },
    info: (event, fields) => {
      logger.info(fields ?? {}, event);
    },
    warn: (event, fields) => {
      logger.warn(fields ?? {}, event);
    },
    error: (event, fields) => {
      logger.error(fields ?? {}, event);
    },
  };
}
