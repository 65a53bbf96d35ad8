package field

import "testing"

func TestPath(t *testing.T) {
	for _, tc := range []struct {
		got  Path
		want string
	}{
		{At(), ""},
		{At("process"), "process"},
		{At("process", "user", "uid"), "process.user.uid"},
		{At("mounts").Index(3).Child("options").Index(1), "mounts[3].options[1]"},
		{At("linux", "sysctl").Key("net.x"), `linux.sysctl["net.x"]`},
		{At("annotations").Key("a\nb\"c"), `annotations["a\nb\"c"]`},
		{Path("").Child("root"), "root"},
	} {
		if string(tc.got) != tc.want {
			t.Errorf("got %s, want %s", tc.got, tc.want)
		}
	}
}

func TestError(t *testing.T) {
	err := &Error{Path: At("root", "path"), Detail: "is required"}
	if got, want := err.Error(), "root.path: is required"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	err.Path = ""
	if got, want := err.Error(), "is required"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
