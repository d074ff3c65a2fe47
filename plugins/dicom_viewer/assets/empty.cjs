// Stands in for what only Node has.
module.exports = {};
