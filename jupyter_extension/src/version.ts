/** Of the sidebar; a test of the packaging holds it to that of the Python package. */
export const VERSION = '0.1.0';
