/** A row of the report. `met: null` where there is no bar. */
export function row(what, value, bar = '', met = null) {
  return { what, value, bar, met };
}

/** @param {number} value */
export function perSecond(value) {
  return `${Math.round(value).toLocaleString('en')}/s`;
}

/** @param {number} value */
export function ms(value) {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
