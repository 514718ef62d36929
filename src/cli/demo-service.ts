import { serve } from "../demo/service.ts";

// A unit of the demonstration, as a process of its own.

serve(Number(process.argv[2]), process.argv[3] as string);
