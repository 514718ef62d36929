import { render } from "preact";
import type { Report } from "../src/api/report.ts";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { Comparison } from "./views/comparison.tsx";

// A saved comparison: the report is in the page.

const place = document.getElementById("app") as HTMLElement;
const report = JSON.parse(document.getElementById("report")?.textContent ?? "") as Report;
place.textContent = "";
render(<Comparison report={report} />, place);
