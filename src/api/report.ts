// A saved comparison, as the page draws it: text is made where numbers are, the page only lays it out.

export interface ReportTable {
  /** The first cell of each row is its name. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Number and colour that stand for the first row in the charts; null: rows are in no chart. */
  readonly firstSeries: number | null;
}

/** Cost over the optimum against time above the ceiling. */
export interface ReportPareto {
  readonly points: readonly { readonly series: number; readonly name: string; readonly above: number; readonly cost: number }[];
  readonly curves: readonly {
    readonly series: number;
    readonly points: readonly { readonly above: number; readonly cost: number; readonly setting: string }[];
  }[];
}

/** Units over time; each point stands for `stepSeconds`. Series 0 is the optimum. */
export interface ReportTimeline {
  /** ms since 1970; null when the recording does not say when it began. */
  readonly startMs: number | null;
  readonly stepSeconds: number;
  readonly needed: readonly number[];
  readonly series: readonly { readonly name: string; readonly units: readonly number[] }[];
}

export interface ReportSection {
  readonly title: string;
  readonly provenance: string;
  readonly notes: readonly string[];
  readonly tables: readonly ReportTable[];
  readonly pareto: ReportPareto | null;
  readonly timeline: ReportTimeline | null;
}

export interface Report {
  readonly title: string;
  readonly heading: string;
  readonly lead: string;
  readonly summary: { readonly title: string; readonly table: ReportTable } | null;
  readonly sections: readonly ReportSection[];
  /** How each engine sees the world. */
  readonly pipelines: readonly string[];
}
