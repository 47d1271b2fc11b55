declare const brand: unique symbol;

/**
 * A nominal type: `T` that a parser has vouched for. The tag is a record, so brands nest (a leaf hash is still a
 * digest). Minted only in the file that parses it.
 */
export type Branded<T, Name extends string> = T & {
  readonly [brand]: Readonly<Record<Name, true>>;
};
