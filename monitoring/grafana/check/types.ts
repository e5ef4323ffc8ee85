// The type of a dashboard in JSON, made from Grafana's own types.
import type { Dashboard, DataSourceRef, Panel } from "@grafana/schema";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {
  FieldConfig as TimeSeriesField,
  Options as TimeSeries,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// JSON has texts for the values of an enum, and `as const` makes every list read-only.
type Json<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Each)[]
    ? readonly Json<Each>[]
    : T extends object
      ? { readonly [Name in keyof T]: Json<T[Name]> }
      : T;

interface Query {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  legendFormat: string;
}

// Grafana's types leave options and queries open; here they are those of the panel's type. Unit and description
// are required.
type Drawn<Type extends string, Options, Field> = Omit<Panel, "type" | "options" | "fieldConfig" | "targets"> & {
  type: Type;
  title: string;
  description: string;
  options: Partial<Options>;
  fieldConfig: {
    defaults: Omit<NonNullable<Panel["fieldConfig"]>["defaults"], "custom"> & { unit: string; custom?: Field };
    overrides: [];
  };
  targets: Query[];
};

export type Checked = Json<
  Omit<Dashboard, "panels"> & {
    panels: (Drawn<"stat", Stat, never> | Drawn<"timeseries", TimeSeries, TimeSeriesField>)[];
  }
>;

// What must be refused. If one of these were accepted, tsc would report the comment above it.
const datasource = { type: "prometheus", uid: "retail-prometheus" } as const;
const good = {
  type: "stat",
  title: "Lag",
  description: "Waiting records.",
  datasource,
  fieldConfig: { defaults: { unit: "short" }, overrides: [] },
  options: { textMode: "auto" },
  targets: [{ refId: "A", datasource, expr: "sum(lag)", legendFormat: "" }],
} as const;
export const accepted = { title: "Dashboard", schemaVersion: 41, panels: [good] } as const satisfies Checked;
// @ts-expect-error the version of the schema is a number
export const wrongVersion = { title: "Dashboard", schemaVersion: "41", panels: [good] } as const satisfies Checked;
// @ts-expect-error Grafana has no such property
export const unknownProperty = { title: "Dashboard", schemaVersion: 41, panles: [], panels: [] } as const satisfies Checked;
// @ts-expect-error a panel has a description
export const noDescription = { schemaVersion: 41, panels: [{ ...good, description: undefined }] } as const satisfies Checked;
// @ts-expect-error a panel has a unit
export const noUnit = { schemaVersion: 41, panels: [{ ...good, fieldConfig: { defaults: {}, overrides: [] } }] } as const satisfies Checked;
// @ts-expect-error there is no such mode
export const wrongMode = { schemaVersion: 41, panels: [{ ...good, options: { textMode: "big" } }] } as const satisfies Checked;
