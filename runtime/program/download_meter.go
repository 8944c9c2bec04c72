package program

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/weightspace/weightspace/runtime/spec"
)

const (
	// meterInterval is the shortest time between two reports.
	meterInterval = 250 * time.Millisecond
	// meterWindow is what the rate is measured over.
	meterWindow = 15 * time.Second
)

// meter adds up what all files of a data set have fetched and reports it, with rate and time left.
type meter struct {
	mu   sync.Mutex
	send func(Progress)
	now  func() time.Time
	// files that are fetched, and those of which the size is known.
	files, known, finished int
	parts                  map[*transfer]*metered
	// came counts the bytes that came through the net or from the source, which give the rate.
	came    int64
	samples []sample
	last    time.Time
}

// metered is the state of one file.
type metered struct {
	done, total int64
	known       bool
}

type sample struct {
	at   time.Time
	came int64
}

func newMeter(env *Env, files int) *meter {
	return &meter{send: env.Progress, now: env.Now, files: files, parts: map[*transfer]*metered{}}
}

func (m *meter) of(t *transfer) *metered {
	if m.parts[t] == nil {
		m.parts[t] = &metered{}
	}
	return m.parts[t]
}

// expect notes the size of a file, 0 when it is unknown.
func (m *meter) expect(t *transfer, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.of(t)
	if !f.known && size > 0 {
		m.known++
		f.known = true
	}
	f.total = size
	m.report(true)
}

// add counts bytes that came, or that have to come again.
func (m *meter) add(t *transfer, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(t).done += n
	m.came += max(n, 0)
	m.report(false)
}

// resume counts bytes that an earlier run fetched; they are no part of the rate.
func (m *meter) resume(t *transfer, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(t).done += n
	m.report(false)
}

// forget starts a file anew.
func (m *meter) forget(t *transfer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(t).done = 0
	m.report(true)
}

// finish counts a file that is checked.
func (m *meter) finish(t *transfer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finished++
	f := m.of(t)
	if f.total = f.done; !f.known {
		m.known++
		f.known = true
	}
	m.report(true)
}

// report sends progress, not too often. The caller holds mu.
func (m *meter) report(now bool) {
	at := m.now()
	if !now && at.Sub(m.last) < meterInterval {
		return
	}
	m.last = at
	var done, total int64
	for _, f := range m.parts {
		done, total = done+f.done, total+max(f.total, f.done)
	}
	rate := m.rate(at)
	p := Progress{Stage: spec.StageFetch, SecondsLeft: -1, Bytes: done, BytesPerSecond: int64(rate)}
	p.Message = fmt.Sprintf("Fetching %d files, %s", m.files, sizeText(done))
	if m.files == 1 {
		p.Message = "Fetching a file, " + sizeText(done)
	}
	if m.known == m.files && total > 0 {
		p.BytesTotal = total
		p.Message += " of " + sizeText(total)
		if rate > 0 {
			p.SecondsLeft = int(math.Ceil(float64(total-done) / rate))
		}
	}
	if rate > 0 {
		p.Message += ", " + sizeText(int64(rate)) + "/s"
	}
	m.send(p)
}

// rate is in bytes per second over the window, 0 while there is too little to tell.
func (m *meter) rate(at time.Time) float64 {
	if n := len(m.samples); n == 0 || at.Sub(m.samples[n-1].at) >= meterInterval {
		m.samples = append(m.samples, sample{at, m.came})
	}
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) > meterWindow {
		m.samples = m.samples[1:]
	}
	first := m.samples[0]
	seconds := at.Sub(first.at).Seconds()
	if seconds < meterInterval.Seconds() {
		return 0
	}
	return float64(m.came-first.came) / seconds
}

// sizeText writes a number of bytes with a binary unit.
func sizeText(n int64) string {
	v, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
