// Command test reads the output of `go test -json` and prints what a person wants of it: a line
// per package as it ends, the output of what failed, and at last how many tests passed, failed
// and were skipped, with the reasons of the skipped ones.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of `go test -json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64

	ImportPath string // of build output
}

// slow is the time in seconds from which a passed test is a line of progress.
const slow = 5

// summary gathers what is printed at the end.
type summary struct {
	passed, failed, skipped int
	failedPackages          int
	skips                   []string
	output                  map[string][]string // by package and test, until it ends
}

func main() {
	verbose := flag.Bool("v", false, "print every line of output")
	counts := flag.String("counts", "", "file to append \"passed failed skipped\" to")
	flag.Parse()
	s := &summary{output: map[string][]string{}}
	if err := s.read(os.Stdin, os.Stdout, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		os.Exit(2)
	}
	s.print(os.Stdout)
	if *counts != "" {
		if err := appendLine(*counts, fmt.Sprintln(s.passed, s.failed, s.skipped)); err != nil {
			fmt.Fprintln(os.Stderr, "test:", err)
			os.Exit(2)
		}
	}
	if s.failed > 0 || s.failedPackages > 0 {
		os.Exit(1)
	}
}

// read consumes events until the end of in. Lines that are no events (messages of the go
// command) are passed on.
func (s *summary) read(in io.Reader, out io.Writer, verbose bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Action == "" {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		s.take(e, out, verbose)
	}
	return lines.Err()
}

// take handles one event.
func (s *summary) take(e event, out io.Writer, verbose bool) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "output":
		switch {
		case verbose, e.Test == "" && packageLine(e.Output):
			fmt.Fprint(out, e.Output)
		default:
			s.output[key] = append(s.output[key], e.Output)
		}
	case "pass", "skip", "fail":
		s.end(e, key, out)
		delete(s.output, key)
	}
}

// end counts a finished test or package and prints the output of a failed one.
func (s *summary) end(e event, key string, out io.Writer) {
	if e.Action == "fail" {
		fmt.Fprint(out, strings.Join(s.output[key], ""))
	}
	if e.Test == "" {
		if e.Action == "fail" {
			s.failedPackages++
		}
		return
	}
	switch e.Action {
	case "pass":
		s.passed++
		if e.Elapsed >= slow {
			fmt.Fprintf(out, "    %s (%.0f s)\n", e.Test, e.Elapsed)
		}
	case "fail":
		s.failed++
	case "skip":
		s.skipped++
		s.skips = append(s.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, skipReason(s.output[key])))
	}
}

// print writes the summary; the last line is "N passed, N failed, N skipped".
func (s *summary) print(out io.Writer) {
	for _, line := range s.skips {
		fmt.Fprintln(out, "skipped:", line)
	}
	if s.failedPackages > 0 {
		fmt.Fprintf(out, "%d packages failed\n", s.failedPackages)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
}

// packageLine says whether a line of output is go test's line about a package with tests.
func packageLine(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t")
}

// skipReason finds the text a test gave to Skip: its last line that is no mark of go test.
func skipReason(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		text := strings.TrimSpace(lines[i])
		if text != "" && !strings.HasPrefix(text, "---") && !strings.HasPrefix(text, "===") {
			return text
		}
	}
	return "no reason given"
}

// appendLine adds a line to a file.
func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		_ = f.Close() // the first error says why
		return err
	}
	return f.Close()
}
