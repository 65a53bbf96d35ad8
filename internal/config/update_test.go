package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestWithResources changes limits: what they are then, and what is written.
func TestWithResources(t *testing.T) {
	for _, c := range []struct{ title, old, change, all, write, refusal string }{
		{"nothing", `{"pids": {"limit": 5}}`, `{}`, `{"pids": {"limit": 5}}`, `{}`, ""},
		{"sections that are null", `{"pids": {"limit": 5}}`, `{"memory": null, "cpu": null, "pids": null, "blockIO": null, "network": null, "unified": null}`,
			`{"pids": {"limit": 5}}`, `{}`, ""},
		{"from nothing", `null`, `{"pids": {"limit": 5}}`, `{"pids": {"limit": 5}}`, `{"pids": {"limit": 5}}`, ""},
		{"a limit goes with its swap", `{"memory": {"limit": 5, "swap": 9, "reservation": 3}}`, `{"memory": {"limit": 6}}`,
			`{"memory": {"limit": 6, "swap": 9, "reservation": 3}}`, `{"memory": {"limit": 6, "swap": 9}}`, ""},
		{"no limit, no swap", `{"memory": {"limit": 5, "swap": 9}}`, `{"memory": {"limit": -1}}`, `{"memory": {"limit": -1}}`, `{"memory": {"limit": -1}}`, ""},
		{"a look before", `{"memory": {"limit": 5, "checkBeforeUpdate": true}}`, `{"memory": {"limit": 6}}`,
			`{"memory": {"limit": 6, "checkBeforeUpdate": true}}`, `{"memory": {"limit": 6, "checkBeforeUpdate": true}}`, ""},
		{"a limit above the swap", `{"memory": {"limit": 5, "swap": 9}}`, `{"memory": {"limit": 10}}`, "", "",
			"linux.resources.memory.swap: memory+swap limit should be >= memory limit"},
		{"a quota keeps its period", `{"cpu": {"quota": 5, "period": 9, "shares": 2}}`, `{"cpu": {"quota": 6}}`,
			`{"cpu": {"quota": 6, "period": 9, "shares": 2}}`, `{"cpu": {"quota": 6, "period": 9}}`, ""},
		{"a period keeps its quota", `{"cpu": {"quota": 5, "period": 9}}`, `{"cpu": {"period": 8, "quota": 0}}`,
			`{"cpu": {"quota": 5, "period": 8}}`, `{"cpu": {"quota": 5, "period": 8}}`, ""},
		{"neither", `{"cpu": {"quota": 5, "period": 9}}`, `{"cpu": {"burst": 2, "cpus": "1"}}`,
			`{"cpu": {"quota": 5, "period": 9, "burst": 2, "cpus": "1"}}`, `{"cpu": {"burst": 2, "cpus": "1"}}`, ""},
		{"idle forgets the shares", `{"cpu": {"shares": 5, "mems": "0"}}`, `{"cpu": {"idle": 1}}`, `{"cpu": {"idle": 1, "mems": "0"}}`, `{"cpu": {"idle": 1}}`, ""},
		{"a burst above the quota", `{"cpu": {"burst": 5}}`, `{"cpu": {"quota": 4}}`, "", "", "linux.resources.cpu.burst: 5 is more than quota, which is 4"},
		{"one device of several",
			`{"blockIO": {"weight": 50, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}], "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}, {"major": 8, "minor": 16, "rate": 2}]}}`,
			`{"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 20}, {"major": 9, "minor": 0, "weight": 11}], "throttleReadBpsDevice": [{"major": 8, "minor": 16, "rate": 3}]}}`,
			`{"blockIO": {"weight": 50, "weightDevice": [{"major": 8, "minor": 0, "weight": 10, "leafWeight": 20}, {"major": 9, "minor": 0, "weight": 11}], "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}, {"major": 8, "minor": 16, "rate": 3}]}}`,
			`{"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 20}, {"major": 9, "minor": 0, "weight": 11}], "throttleReadBpsDevice": [{"major": 8, "minor": 16, "rate": 3}]}}`, ""},
		{"tables", `{"unified": {"memory.high": "5", "memory.low": "1"}, "hugepageLimits": [{"pageSize": "2MB", "limit": 1}], "rdma": {"a": {"hcaHandles": 1}}, "network": {"classID": 3}}`,
			`{"unified": {"memory.high": "6"}, "hugepageLimits": [{"pageSize": "2MB", "limit": 2}], "rdma": {"b": {"hcaHandles": 2}}, "network": {"priorities": [{"name": "lo", "priority": 1}]}}`,
			`{"unified": {"memory.high": "6", "memory.low": "1"}, "hugepageLimits": [{"pageSize": "2MB", "limit": 2}], "rdma": {"a": {"hcaHandles": 1}, "b": {"hcaHandles": 2}}, "network": {"classID": 3, "priorities": [{"name": "lo", "priority": 1}]}}`,
			`{"unified": {"memory.high": "6"}, "hugepageLimits": [{"pageSize": "2MB", "limit": 2}], "rdma": {"b": {"hcaHandles": 2}}, "network": {"priorities": [{"name": "lo", "priority": 1}]}}`, ""},
		{"out of range", `{}`, `{"blockIO": {"weight": 5}}`, "", "", "linux.resources.blockIO.weight: 5 is out of range (10 to 1000)"},
		{"a way out", `{}`, `{"unified": {"../x.y": "1"}}`, "", "", `linux.resources.unified["../x.y"]: unified resource "../x.y" must be a file name (no slashes)`},
	} {
		t.Run(c.title, func(t *testing.T) {
			cfg := accepted(t, func(s *specs.Spec) {
				s.Linux.Resources = nil
				if err := json.Unmarshal([]byte(c.old), &s.Linux.Resources); err != nil {
					t.Fatal(err)
				}
			})
			before := asJSON(t, cfg.Spec)
			change, _, err := ParseResources([]byte(c.change))
			if err != nil {
				t.Fatal(err)
			}
			changed, write, err := cfg.WithResources(change)
			if got := asJSON(t, cfg.Spec); got != before {
				t.Errorf("the config that it was has changed: %s", got)
			}
			if c.refusal != "" {
				if err == nil || err.Error() != c.refusal {
					t.Errorf("%v, want %s", err, c.refusal)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []struct {
				got  *specs.LinuxResources
				want string
			}{{changed.Spec.Linux.Resources, c.all}, {write, c.write}} {
				var want specs.LinuxResources
				if err := json.Unmarshal([]byte(x.want), &want); err != nil {
					t.Fatal(err)
				}
				if got := trimmed(asJSON(t, x.got)); got != trimmed(asJSON(t, want)) {
					t.Errorf("got  %s\nwant %s", got, trimmed(asJSON(t, want)))
				}
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// trimmed leaves out sections in which nothing is set.
func trimmed(text string) string {
	for _, empty := range []string{`"memory":{},`, `"cpu":{},`, `"pids":{},`, `"blockIO":{},`, `,"memory":{}`, `,"cpu":{}`, `,"blockIO":{}`} {
		text = strings.ReplaceAll(text, empty, "")
	}
	return text
}

// Device rules stay, and whoever asks for others is told.
func TestUpdateKeepsDevices(t *testing.T) {
	rules := []specs.LinuxDeviceCgroup{{Access: "rwm"}}
	cfg := accepted(t, func(s *specs.Spec) { s.Linux.Resources = &specs.LinuxResources{Devices: rules} })
	for _, c := range []struct {
		rules []specs.LinuxDeviceCgroup
		want  string
	}{
		{nil, ""}, {rules, ""},
		{[]specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, "linux.resources.devices is ignored: device rules are as they were at create"},
	} {
		changed, write, err := cfg.WithResources(&specs.LinuxResources{Devices: c.rules})
		if err != nil || len(write.Devices) > 0 || asJSON(t, changed.Spec) != asJSON(t, cfg.Spec) {
			t.Errorf("%v: %+v, %v", c.rules, write, err)
		}
		if got := strings.Join(changed.Warnings, "; "); got != c.want {
			t.Errorf("%v: warnings %q", c.rules, got)
		}
	}
}

func TestParseResources(t *testing.T) {
	r, warnings, err := ParseResources([]byte(` {"memory": {"limit": 5}, "Pids": {"limit": 1}, "new": 1} `))
	if err != nil || *r.Memory.Limit != 5 || r.Pids == nil || *r.Pids.Limit != 1 || len(warnings) != 1 {
		t.Errorf("%+v, %q, %v", r, warnings, err)
	}
	for text, want := range map[string]string{
		"":                                     "the JSON text is empty",
		"null":                                 "linux.resources: must not be null",
		"[]":                                   "the JSON text: line 1:1: linux.resources: ",
		`{"pids": {"limit": "5"}}`:             "the JSON text: line 1:20: linux.resources.pids.limit: ",
		`{"pids": {"limit": 5}} {}`:            "the JSON text: line 1:24: linux.resources: ",
		`{"pids": {"limit": 5, "limit": 6}}`:   "the JSON text: line 1:",
		`{"memory": {"limit": 1e400}}`:         "the JSON text: line 1:",
		"{\"unified\": {\"a.b\": \"\xff\"}}":   "the JSON text: ",
		`{"memory": {"limit": 5}`:              "the JSON text: line 1:",
		`{"cpu": {"shares": -1}}`:              "the JSON text: line 1:",
		`{"blockIO": {"weight": 70000}}`:       "the JSON text: line 1:",
		`{"blockIO": {"weightDevice": [null]}`: "the JSON text: line 1:",
	} {
		if _, _, err := ParseResources([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzUpdate: what is accepted leaves a config that is good again, and that says
// the same once more when the same update is repeated.
func FuzzUpdate(f *testing.F) {
	f.Add(`{"memory": {"limit": 5, "swap": 9}, "cpu": {"quota": 5}}`, `{"memory": {"limit": 6}, "cpu": {"period": 9, "idle": 0}}`)
	f.Add(`{}`, `{"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}]}, "unified": {"memory.high": "5"}}`)
	f.Fuzz(func(t *testing.T, old, change string) {
		base, _, err := ParseResources([]byte(old))
		if err != nil {
			return
		}
		r, _, err := ParseResources([]byte(change))
		if err != nil {
			return
		}
		s := Default()
		s.Linux.Resources = base
		cfg, err := FromSpec(s)
		if err != nil {
			return
		}
		once, _, err := cfg.WithResources(r)
		if err != nil {
			return
		}
		text, err := Encode(once.Spec)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("what update keeps cannot be read: %v", err)
		}
		twice, _, err := again.WithResources(r)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := asJSON(t, once.Spec), asJSON(t, twice.Spec); a != b {
			t.Errorf("once  %s\ntwice %s", a, b)
		}
	})
}
