# The two that matter:
#   make demo     three hosts on this machine, a cluster of them, a guest that boots
#   make test     every check and every test
.PHONY: help venv install test demo demo-down lint types rooms generated clean

help:
	@echo "make demo       make a cluster of three hosts in demo/ and boot a guest"
	@echo "make demo-down  remove it without a trace"
	@echo "make test       run all checks and tests"
	@echo "make venv       make .venv/ with everything for development"
	@echo "make install    install into a Python environment of its own (PREFIX=$(PREFIX))"
	@echo "make lint types rooms  one check"
	@echo "make generated  make anew what is made from the code: docs/reference, etc/bash-completion"
	@echo "make clean      remove what was built; not .venv/, not demo/"

venv:
	@.ci/prepare dev

# What Debian's pip is given as a prefix gets another "local" and is not found by Python.
PREFIX ?= /opt/ganeti
install:
	@# What an older build left there would be installed too.
	rm -rf build
	python3 -m venv "$(PREFIX)"
	"$(PREFIX)/bin/pip" install ".[libvirt]"
	@# Twisted remembers the plug-ins it saw; let it look now, while it may write.
	"$(PREFIX)/bin/twistd" --help >/dev/null

test:
	@.ci/run

demo:
	@.ci/prepare runtime
	@scripts/demo up

demo-down:
	@scripts/demo down

lint: venv
	.venv/bin/ruff check ganeti_tw tests benchmarks twisted

types: venv
	.venv/bin/mypy

rooms: venv
	.venv/bin/lint-imports --no-logo

generated: venv
	.venv/bin/python scripts/state-table --write
	.venv/bin/python scripts/bash-completion --write

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .tox .coverage .import_linter_cache
	rm -rf _trial_temp* twisted/plugins/dropin.cache
	find . -path ./.venv -prune -o -path ./demo -prune -o -name __pycache__ -type d -exec rm -rf {} +
