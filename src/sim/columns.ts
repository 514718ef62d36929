interface ColumnsOf {
  readonly stepMs: number;
  readonly startMs: number;
  readonly steps: number;
  /** Load per second in every step, where it comes from outside. */
  readonly load: Float64Array | undefined;
  readonly hasRetries: boolean;
  readonly isCaller: boolean;
}

/** What happened, in columns of one entry for each plant step. A class: literals get a shape of their own each time, and code that writes them is slower. */
export class SimulationColumns {
  readonly stepMs: number;
  readonly startMs: number;
  /** Fresh load during the step, scaled; of a node that is called, the calls that reach it. */
  readonly load: Float64Array;
  readonly requested: Int32Array;
  readonly ready: Int32Array;
  readonly billed: Int32Array;
  /** Requests waiting at the end of the step. */
  readonly backlog: Float32Array;
  /** Requests that failed during the step. */
  readonly failed: Float32Array;
  /** Requests that had failed before and came again; only where callers do that. */
  readonly retries?: Float32Array | undefined;
  /** Of the calls that were tried, those that were answered, per second; only of nodes that are called. */
  readonly answeredRate?: Float64Array | undefined;
  /** The time it waits for answers, ms; only where it calls others. */
  readonly dependencyMs?: Float32Array | undefined;
  /** What all that it calls let it serve, per second, and the position of the one that lets the least; only of the first node. */
  readonly allowedRate?: Float64Array | undefined;
  readonly narrowest?: Uint16Array | undefined;

  constructor({ stepMs, startMs, steps, load, hasRetries, isCaller }: ColumnsOf) {
    this.stepMs = stepMs;
    this.startMs = startMs;
    this.load = load ?? new Float64Array(steps);
    this.requested = new Int32Array(steps);
    this.ready = new Int32Array(steps);
    this.billed = new Int32Array(steps);
    this.backlog = new Float32Array(steps);
    this.failed = new Float32Array(steps);
    if (hasRetries) this.retries = new Float32Array(steps);
    if (load === undefined) this.answeredRate = new Float64Array(steps);
    if (isCaller) this.dependencyMs = new Float32Array(steps);
    if (!isCaller || load === undefined) return;
    this.allowedRate = new Float64Array(steps);
    this.narrowest = new Uint16Array(steps);
  }
}
