/** Largest capacity anything here counts to: 2^31 - 1, the int32 that platforms count capacity in. */
export const UNITS_MAX = 2_147_483_647;
