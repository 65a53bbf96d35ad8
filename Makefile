# make install  bin/vial, manual pages and completions, under PREFIX=/usr/local
# make demo   build vial, then make and run a first container by hand
# make test   every test that this machine can run (as root, for the containers)
# make test-vm  the tests that need it in virtual machines (VMFLAGS=-h shows more)
# make check  format, vet for both CPUs, staticcheck
# make fuzz   every fuzz target for a short while (FUZZTIME=10s)
# make bench  vial against runc and crun (RUNC=…, CRUN=… name theirs)

export CGO_ENABLED = 0
GO       ?= go
FUZZTIME ?= 10s
VERSION  ?= 0.1.0-dev
COMMIT   := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS   = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The garbage collector of Go 1.26 takes 2 % of the time of vial exec before it has
# collected anything. A Go that does not know its name builds without this.
EXPERIMENT := $(shell GOEXPERIMENT=nogreenteagc $(GO) env GOEXPERIMENT 2>/dev/null)

.PHONY: all vial docs install demo test test-vm check fuzz bench clean

all: vial

vial:
	GOEXPERIMENT=$(EXPERIMENT) $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/vial ./cmd/vial

# Manual pages and completions, made by the command itself, on this machine's CPU.
docs:
	mkdir -p bin/man bin/completion
	GOOS= GOARCH= $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/completion/vial ./cmd/vial
	bin/completion/vial help --man-to bin/man
	for shell in bash zsh fish; do bin/completion/vial completion $$shell > bin/completion/vial.$$shell || exit 1; done
	rm bin/completion/vial

PREFIX ?= /usr/local
SHARE   = $(DESTDIR)$(PREFIX)/share
install: vial docs
	install -D -m 0755 bin/vial $(DESTDIR)$(PREFIX)/bin/vial
	install -D -m 0644 -t $(SHARE)/man/man1 bin/man/*
	install -D -m 0644 bin/completion/vial.bash $(SHARE)/bash-completion/completions/vial
	install -D -m 0644 bin/completion/vial.zsh $(SHARE)/zsh/site-functions/_vial
	install -D -m 0644 bin/completion/vial.fish $(SHARE)/fish/vendor_completions.d/vial.fish

demo: vial
	sh demo/demo.sh

# Tests that start containers need root and say so when they skip. Packages
# run one after another: some of them count what the host has.
test: vial
	@$(GO) test -p 1 -count=1 -json ./... | $(GO) run ./test/report

# Two kernels, and a system with systemd; see test/vm. What it makes of Debian's
# packages stays in the user's cache.
test-vm:
	@$(GO) run ./test/vm $(VMFLAGS) | $(GO) run ./test/report

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these files"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	staticcheck ./...

fuzz:
	FUZZTIME=$(FUZZTIME) sh test/fuzz.sh

bench: vial
	VIAL=$${VIAL-bin/vial} $(GO) run ./bench $(BENCHFLAGS)

clean:
	rm -rf bin
