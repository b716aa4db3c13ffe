// Snakemake 9.27 fills a list of results once: a second search, or another category, keeps the rows
// of the first. And it searches in paths alone, in the case of the letters. Here a list follows what
// is asked, and a search finds what a reader sees: titles and categories too, in any case.
AbstractResults.prototype.componentDidUpdate = function (before) {
    const asked = ["searchTerm", "category", "subcategory"];
    if (asked.some((key) => before[key] !== this.props[key])) {
        const data = this.getData();
        this.setState({ data, toggles: this.getInitToggleState(data.toggleLabels) });
    }
};
SearchResults.prototype.getSearchFunc = function () {
    const term = this.props.searchTerm;
    const plain = (text) => text.toLowerCase().includes(term.toLowerCase());
    if (!term.startsWith("re:")) {
        return plain;
    }
    try {
        const pattern = new RegExp(term.slice(3), "i");
        return (text) => pattern.test(text);
    } catch {
        return () => false; // a pattern that is not finished finds nothing
    }
};
SearchResults.prototype.getResults = function () {
    const matches = this.getSearchFunc();
    const places = {};
    for (const [category, parts] of Object.entries(categories)) {
        for (const path of Object.values(parts).flat()) {
            places[path] = category;
        }
    }
    return Object.entries(results).filter(([path, result]) =>
        [path, places[path] || "", ...Object.values(result.labels || {})].some(matches));
};
