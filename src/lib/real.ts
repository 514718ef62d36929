/**
 * Nothing, of a quantity that may have fractions or be an instant. Fields that are read every step begin as what they will hold: V8
 * keeps a number that was first undefined in a box of its own, and rebuilds objects, and throws away what it had compiled for them, when a
 * whole number of 31 bits becomes any other (measured: a fifth of the time of a simulation). A negative zero is no whole number to it.
 */
export const REAL_ZERO = -0;
