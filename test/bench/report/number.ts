// Three significant digits: more would pretend to a precision that a shared machine does not have.

export const short = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))
