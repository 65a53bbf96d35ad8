package main

import (
	"fmt"
	"slices"
	"strings"
)

// A Report is all that bench found.
type Report struct {
	Host     Host      `json:"host"`
	Method   string    `json:"method"`
	Runtimes []Runtime `json:"runtimes"`
	Cases    []Case    `json:"cases"` // times in microseconds
	Alive    []Alive   `json:"alive,omitempty"`
	Memory   []Memory  `json:"memory"`
}

// A Case is one thing that every runtime was timed with.
type Case struct {
	Name string `json:"name"`
	Rows []Row  `json:"rows"`
}

// A Row is one runtime's times.
type Row struct {
	Runtime string `json:"runtime"`
	Summary
	// Ratio is vial's median divided by this one's, RatioP99 the same of p99.
	// They are 0 in vial's own row.
	Ratio    float64 `json:"vialRatio,omitempty"`
	RatioP99 float64 `json:"vialRatioP99,omitempty"`
}

func (b *benchmark) summary(name string, times samples) Case {
	c := Case{Name: name}
	for _, r := range b.runtimes {
		row := Row{Runtime: r.Name, Summary: summarize(times[r.Name])}
		if vial := c.vial(); vial != nil && row.Median > 0 {
			row.Ratio, row.RatioP99 = vial.Median/row.Median, vial.P99/row.P99
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

// vial is the first row, once there is one.
func (c *Case) vial() *Row {
	if len(c.Rows) == 0 {
		return nil
	}
	return &c.Rows[0]
}

// Text is the report as a table.
func (r *Report) Text() string {
	var out strings.Builder
	out.WriteString(r.Host.Text())
	for _, runtime := range r.Runtimes {
		fmt.Fprintf(&out, "%-9s %s\n", runtime.Name, runtime.Version)
	}
	fmt.Fprintf(&out, "method    %s\n", r.Method)
	for i := range r.Cases {
		out.WriteString("\n" + r.Cases[i].Text())
	}
	if len(r.Alive) > 0 {
		out.WriteString("\n" + aliveText(r.Alive))
	}
	if len(r.Memory) > 0 {
		out.WriteString("\n" + memoryText(r.Memory))
	}
	return out.String()
}

// Text is the case as a table, in milliseconds.
func (c *Case) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n%-8s %8s %8s %8s %8s %8s   %s\n", c.Name, "  ms", "min", "median", "p90", "p99", "max", "vial's median, p99 to it")
	for _, row := range c.Rows {
		fmt.Fprintf(&out, "  %-6s", row.Runtime)
		for _, us := range []float64{row.Min, row.Median, row.P90, row.P99, row.Max} {
			fmt.Fprintf(&out, " %8.2f", us/1000)
		}
		if row.Ratio > 0 {
			fmt.Fprintf(&out, "   %.2f, %.2f", row.Ratio, row.RatioP99)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func memoryText(all []Memory) string {
	var out strings.Builder
	out.WriteString("memory, default config, medians\n")
	fmt.Fprintf(&out, "%-8s %12s %12s %12s %12s %8s\n", "  KiB", "run peak", "create peak", "init RSS", "of it own", "threads")
	for _, m := range all {
		fmt.Fprintf(&out, "  %-6s %12d %12d %12d %12d %8d\n", m.Runtime, m.RunPeak, m.CreatePeak, m.InitRSS, m.InitPrivate, m.InitThreads)
	}
	fmt.Fprintf(&out, "\nleast memory limit with which all of %d tries go well, default config\n", limitTries)
	if !slices.ContainsFunc(all, func(m Memory) bool { return m.RunLimit > 0 }) {
		out.WriteString("  not measured: it takes cgroup v2 with the memory controller\n")
		return out.String()
	}
	fmt.Fprintf(&out, "%-8s %12s %12s\n", "  KiB", "run", "create")
	for _, m := range all {
		fmt.Fprintf(&out, "  %-6s %12d %12d\n", m.Runtime, m.RunLimit, m.CreateLimit)
	}
	return out.String()
}
