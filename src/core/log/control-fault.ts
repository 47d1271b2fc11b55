/** Why a control entry changes nothing. */
export interface ControlFault {
  /**
   * `no_effect`: authentic, but not in its place; `bad_statement`: without authority; `bad_approval`: an activation
   * without the approvals that it needs.
   */
  readonly code: 'bad_statement' | 'bad_approval' | 'no_effect';
  readonly detail: string;
}

/** Says that an authentic entry is not in its place. */
export function noEffect(detail: string): ControlFault {
  return { code: 'no_effect', detail };
}

/** Says that nobody with the authority said it. */
export function badStatement(detail: string): ControlFault {
  return { code: 'bad_statement', detail };
}
